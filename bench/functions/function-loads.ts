import { mainStage } from "../../processors/main-stage.ts";
import { dewPoint } from "./dew-point.ts";
import { configRecord, readingRecord, stationRule, T0, telemetryRecord } from "./station-records.ts";
import { tenSeconds } from "./ten-seconds.ts";
import type { StageLoad } from "./measure-function.ts";
import type { RecordInput } from "../../core/record.ts";

export const LOAD_NAMES = ["stock", "stock-second", "map", "window"] as const;
export type LoadName = (typeof LOAD_NAMES)[number];

export const DEVICES = 10_000;
/** Two rules that never raise. */
const RULES = [stationRule("hot", "temperature"), stationRule("dust", "pm25")];

interface FunctionLoad extends StageLoad {
  readonly what: string;
  /** Messages per second of a worker's CPU that are aimed at. */
  readonly target: number;
}

const FLEET: Pick<StageLoad, "devices" | "config"> = {
  devices: DEVICES,
  config: (isOwn) => configRecord(DEVICES, RULES, { isOwn }),
};

export const FUNCTION_LOADS: Readonly<Record<LoadName, FunctionLoad>> = {
  stock: {
    what: "stage `main`: clean, aggregate (60 s), alarm (2 rules); messages of 6 metrics, of each device every ten seconds: six to a window",
    ...stock(10_000),
  },
  "stock-second": {
    what: "the same, of each device every second, as in `map` and `window`: sixty to a window",
    ...stock(1000),
  },
  map: {
    what: "a `defineMap` with a zod schema of 2 of the 6 metrics, one derived reading each",
    target: 150_000,
    stage: { name: "functions", input: "readings", functions: [{ ...dewPoint, version: 1 }] },
    ...FLEET,
    record: reading,
  },
  window: {
    what: "a tumbling window of 10 s over 10,000 devices, 10 readings to a window",
    target: 150_000,
    stage: { name: "functions", input: "readings", functions: [{ ...tenSeconds, version: 1 }] },
    ...FLEET,
    record: reading,
  },
};

function stock(intervalMs: number): Omit<FunctionLoad, "what"> {
  return {
    target: 100_000,
    stage: mainStage,
    ...FLEET,
    record: (index) => telemetryRecord(index, DEVICES, eventTime(index, intervalMs)),
  };
}

function reading(index: number): RecordInput {
  return readingRecord(index, DEVICES, eventTime(index, 1000));
}

/** All devices send at the same time. */
function eventTime(index: number, intervalMs: number): number {
  return T0 + Math.floor(index / DEVICES) * intervalMs;
}
