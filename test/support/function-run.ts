import { controlLogRecord, logRecord } from "./log-records.ts";
import { runStage, valuesOf } from "./stage-run.ts";
import { deadLetterSchema, deviceEventSchema, readingSchema } from "../../core/derived-records.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import type { DeadLetter, DeviceEvent, Reading } from "../../core/derived-records.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { MetricValue } from "../../core/schemas.ts";
import type { StageRun, StageRunOptions } from "./stage-run.ts";

export const START = Date.UTC(2026, 0, 1);

export interface GivenReading {
  readonly device?: string;
  /** ms after START. */
  readonly at: number;
  /** ms after START; `at` when absent. */
  readonly received?: number;
  readonly metrics: Readonly<Record<string, MetricValue>>;
}

/** As the loader does: a user's function has no version of its own. */
export function stageOf(...functions: readonly StageFunction[]) {
  return { name: "functions", input: "readings", functions: functions.map((fn) => ({ ...fn, version: 1 })) } as const;
}

export function readingRecord(offset: number, { device = "d", at, received = at, metrics }: GivenReading): LogRecord {
  const value: Reading = {
    v: 1,
    tenant: "t",
    device,
    ts: START + at,
    received: START + received,
    metrics: { ...metrics },
  };
  return logRecord({ offset, timestamp: START + received, key: `t/${device}`, value });
}

/** The first record of a run: one type for all devices. */
export function typeRecord(
  type: Partial<DeviceType>,
  devices: readonly string[] = ["d"],
  labels: Readonly<Record<string, string>> = {},
): LogRecord {
  return controlLogRecord(0, START, {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: [deviceTypeSchema.parse({ tenant: "t", id: "probe", ...type })],
    rules: [],
    devices: devices.map((id) => ({ tenant: "t", id, type: "probe", labels: { ...labels }, disabled: false })),
  });
}

export interface FunctionRun {
  readonly run: StageRun;
  readonly readings: readonly Reading[];
  readonly events: readonly DeviceEvent[];
  readonly deadLetters: readonly DeadLetter[];
}

/** Runs readings through functions as the stage `functions` would. */
export function runFunctions(
  functions: readonly StageFunction[],
  readings: readonly GivenReading[],
  options: { readonly type?: Partial<DeviceType>; readonly interrupt?: StageRunOptions["interrupt"] } = {},
): FunctionRun {
  const { type, interrupt } = options;
  const records = type === undefined ? [] : [typeRecord(type)];
  for (const reading of readings) records.push(readingRecord(records.length, reading));
  return runRecords(functions, records, interrupt);
}

export function runRecords(
  functions: readonly StageFunction[],
  records: readonly LogRecord[],
  interrupt?: StageRunOptions["interrupt"],
): FunctionRun {
  const run = runStage(records, { stage: stageOf(...functions), ...(interrupt === undefined ? {} : { interrupt }) });
  return {
    run,
    readings: valuesOf(run, "readings").map((value) => readingSchema.parse(value)),
    events: valuesOf(run, "device-events").map((value) => deviceEventSchema.parse(value)),
    deadLetters: valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value)),
  };
}

/** Ends a run: all time has come. */
export function flushRecord(offset: number, at: number): LogRecord {
  return controlLogRecord(offset, START + at, { v: 1, kind: "flush", upTo: START + 1000 * 86_400_000 });
}
