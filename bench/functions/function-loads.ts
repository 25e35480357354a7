import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { HEADER } from "../../core/record.ts";
import { defineMap, defineStream, tumbling, z } from "../../kit/function.ts";
import { mainStage } from "../../processors/main-stage.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { Header, RecordInput } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";

export const LOAD_NAMES = ["stock", "map", "window"] as const;
export type LoadName = (typeof LOAD_NAMES)[number];

export const DEVICES = 10_000;
const T0 = Date.UTC(2026, 0, 1);
const METRICS = ["temperature", "humidity", "pressure", "co2", "pm25", "battery"];

/** A stage, and the records that it reads: the devices one after the other, again and again. */
export interface FunctionLoad {
  readonly what: string;
  /** Messages per second of a worker's CPU that are aimed at. */
  readonly target: number;
  readonly stage: StageDefinition;
  record(index: number): RecordInput;
}

const dewPoint = defineMap({
  name: "dew-point",
  input: z.object({ temperature: z.number(), humidity: z.number() }),
  process({ metrics: { temperature, humidity } }) {
    const gamma = Math.log(humidity / 100) + (17.62 * temperature) / (243.12 + temperature);
    return { dew_point: (243.12 * gamma) / (17.62 - gamma) };
  },
});

const tenSeconds = defineStream({
  name: "ten-seconds",
  input: z.object({ temperature: z.number() }),
  window: tumbling("10s"),
  accumulator: z.object({ count: z.number(), sum: z.number(), max: z.number() }),
  initial: () => ({ count: 0, sum: 0, max: -1e9 }),
  add: ({ count, sum, max }, { metrics: { temperature } }) => ({
    count: count + 1,
    sum: sum + temperature,
    max: Math.max(max, temperature),
  }),
  result: ({ count, sum, max }) => ({ mean: sum / count, max }),
});

export const FUNCTION_LOADS: Readonly<Record<LoadName, FunctionLoad>> = {
  stock: {
    what: "stage `main`: clean, aggregate (60 s), alarm (2 rules); messages of 6 metrics",
    target: 100_000,
    stage: mainStage,
    // A message every ten seconds of each device: six to a window.
    record: (index) => telemetry(index, 10_000),
  },
  map: {
    what: "a `defineMap` with a zod schema of 2 of the 6 metrics, one derived reading each",
    target: 150_000,
    stage: { name: "functions", input: "readings", functions: [{ ...dewPoint, version: 1 }] },
    record: (index) => reading(index, 1000),
  },
  window: {
    what: "a tumbling window of 10 s over 10,000 devices, 10 readings to a window",
    target: 150_000,
    stage: { name: "functions", input: "readings", functions: [{ ...tenSeconds, version: 1 }] },
    record: (index) => reading(index, 1000),
  },
};

/** The first record: one type, two rules that never raise, the devices of a partition. */
export function configRecord(isOwn: (device: number) => boolean = () => true): RecordInput {
  const type = deviceTypeSchema.parse({ tenant: "bench", id: "station", allowedLatenessMs: 60_000 });
  const rule = (id: string, metric: string) =>
    alarmRuleSchema.parse({
      tenant: "bench",
      id,
      name: id,
      severity: "high",
      condition: { kind: "threshold", metric, op: ">", value: 1e6, deadband: 0 },
      onDelayMs: 0,
      offDelayMs: 0,
    });
  const own = Array.from({ length: DEVICES }, (_, index) => index).filter(isOwn);
  const devices = own.map((index) => ({
    tenant: "bench",
    id: deviceId(index),
    type: type.id,
    labels: {},
    disabled: false,
  }));
  const rules = [rule("hot", "temperature"), rule("dust", "pm25")];
  const control: ControlRecord = { v: 1, kind: "config-snapshot", revision: 1, types: [type], rules, devices };
  const value = Buffer.from(JSON.stringify(control));
  return { timestamp: T0, key: null, value, headers: [[HEADER.controlKind, control.kind]] };
}

function deviceId(index: number): string {
  return `station-${String(index % DEVICES).padStart(5, "0")}`;
}

function eventTime(index: number, intervalMs: number): number {
  return T0 + Math.floor(index / DEVICES) * intervalMs;
}

/** As the gateway appends it. */
function telemetry(index: number, intervalMs: number): RecordInput {
  const device = deviceId(index);
  const ts = eventTime(index, intervalMs);
  const headers: Header[] = [
    [HEADER.mqttTopic, `millrace/bench/${device}/telemetry`],
    [HEADER.qos, "1"],
    [HEADER.dup, "0"],
    [HEADER.packetId, String(1 + (Math.floor(index / DEVICES) % 65_535))],
    [HEADER.clientId, device],
    [HEADER.principal, `device:${device}`],
    [HEADER.format, "json"],
    [HEADER.admissionId, `g.1.${index}`],
  ];
  const value = Buffer.from(JSON.stringify({ ts, values: metricsOf(index) }));
  return { timestamp: ts, key: `bench/${device}`, value, headers };
}

/** As stage `main` emits it. */
function reading(index: number, intervalMs: number): RecordInput {
  const device = deviceId(index);
  const ts = eventTime(index, intervalMs);
  const headers: Header[] = [
    [HEADER.source, `main telemetry 0 0 ${index} 0 0`],
    [HEADER.functionVersion, "clean@1"],
  ];
  const body = { v: 1, tenant: "bench", device, ts, received: ts, metrics: metricsOf(index) };
  return { timestamp: ts, key: `bench/${device}`, value: Buffer.from(JSON.stringify(body)), headers };
}

/** Values that change and have one or two decimals, as sensors send them. */
function metricsOf(index: number): Record<string, number> {
  return Object.fromEntries(METRICS.map((name, place) => [name, (2001 + ((index * 7 + place * 131) % 5000)) / 100]));
}
