import { formatSourcePosition, type SourcePosition } from "../../../core/source-position.ts";
import { deviceKey } from "../../../core/ids.ts";
import { partitionOf } from "../../../core/partitioner.ts";
import { HEADER, type RecordInput } from "../../../core/record.ts";
import type { Aggregate, Reading } from "../../../core/derived-records.ts";
import type { MemoryEventLog } from "../../support/memory-event-log.ts";

export const TENANT = "plant";

export function sourceAt(partition: number, offset: number, more: Partial<SourcePosition> = {}): SourcePosition {
  return { stage: "main", topic: "telemetry", partition, generation: 0, offset, step: 0, index: 0, ...more };
}

export function derivedRecord(value: object, source: SourcePosition, timestamp = 1_700_000_000_000): RecordInput {
  const { device = "" } = value as { device?: string };
  return {
    timestamp,
    key: deviceKey(TENANT, device),
    value: Buffer.from(JSON.stringify(value)),
    headers: [
      [HEADER.source, formatSourcePosition(source)],
      [HEADER.functionVersion, "test@1"],
    ],
  };
}

export function reading(device: string, ts: number, metrics: Reading["metrics"]): Reading {
  return { v: 1, tenant: TENANT, device, ts, received: ts + 5, metrics };
}

export function aggregate(device: string, metric: string, start: number, revision: number, mean: number): Aggregate {
  const count = revision + 1;
  return {
    v: 1,
    tenant: TENANT,
    device,
    metric,
    start,
    size: 60_000,
    revision,
    count,
    sum: mean * count,
    min: mean - 1,
    max: mean + 1,
    mean,
    first: mean,
    last: mean,
  };
}

export interface Filler {
  /** Appends `count` readings of six metrics, spread over devices and partitions; returns them. */
  readings(count: number): readonly Reading[];
  /** Readings appended so far. */
  readonly all: readonly Reading[];
}

/** Fills `readings` as a stage would: source positions grow per partition. The values are a function of the number of the reading. */
export function createFiller(
  log: MemoryEventLog,
  { devices = 8, startTs = Date.UTC(2024, 0, 31, 23, 58), stepMs = 1000 } = {},
): Filler {
  const offsets = new Map<number, number>();
  const all: Reading[] = [];
  return {
    all,
    readings(count) {
      const made: Reading[] = [];
      const byPartition = new Map<number, RecordInput[]>();
      for (let i = 0; i < count; i += 1) {
        const n = all.length;
        const device = `sensor-${n % devices}`;
        const value = reading(device, startTs + n * stepMs, metricsOf(n));
        const partition = partitionOf(deviceKey(TENANT, device), log.partitionCount);
        const offset = offsets.get(partition) ?? 0;
        offsets.set(partition, offset + 1);
        const records = byPartition.get(partition) ?? [];
        records.push(derivedRecord(value, sourceAt(partition, offset)));
        byPartition.set(partition, records);
        all.push(value);
        made.push(value);
      }
      for (const [partition, records] of byPartition) log.appendNow("readings", partition, records);
      return made;
    },
  };
}

function metricsOf(n: number): Reading["metrics"] {
  return {
    temperature: 20 + Math.round(1000 * Math.sin(n / 50)) / 100,
    humidity: 40 + (n % 30),
    pressure: 1000 + (n % 17) / 8,
    battery: 3.3,
    open: n % 3 === 0,
    state: n % 2 === 0 ? "idle" : "läuft",
  };
}
