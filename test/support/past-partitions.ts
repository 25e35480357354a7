import { mergeByReceiveTime } from "../../app/functions/history/merge-by-receive-time.ts";
import { deviceKey } from "../../core/ids.ts";
import { logRecord } from "./log-records.ts";
import type { PastReading, ReadingHistory } from "../../app/functions/history/reading-history.ts";
import type { Reading } from "../../core/derived-records.ts";

export interface GivenReading extends Pick<Reading, "device" | "ts" | "received" | "metrics"> {
  /** Null of what a device sent. */
  readonly maker?: string;
}

/** Readings of one partition, in its order. */
export function pastPartition(partition: number, readings: readonly GivenReading[]): readonly PastReading[] {
  return readings.map(({ maker = null, ...fields }, offset) => {
    const reading: Reading = { v: 1, tenant: "default", ...fields };
    const key = deviceKey("default", reading.device);
    return {
      partition,
      record: logRecord({ offset, timestamp: reading.received, key, value: reading }),
      reading,
      maker,
    };
  });
}

/** In batches of this size. */
export async function* inBatches(
  readings: readonly PastReading[],
  size: number,
): AsyncGenerator<readonly PastReading[], void> {
  for (let at = 0; at < readings.length; at += size) yield readings.slice(at, at + size);
}

/** A history of these partitions, read in batches of these sizes. */
export function historyOfPartitions(
  partitions: readonly (readonly PastReading[])[],
  sizes: readonly number[],
): ReadingHistory {
  const lanes = () => partitions.map((readings, index) => inBatches(readings, sizes[index] ?? 1));
  return {
    place: "a test",
    isExact: true,
    since: 0,
    configuration: { types: [], devices: [] },
    async *read() {
      for (const lane of lanes()) yield* lane;
    },
    readByReceiveTime: () => mergeByReceiveTime(lanes()),
    close: async () => undefined,
  };
}
