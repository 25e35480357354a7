import type { RowSheets, TableShape } from "../row-sheets.ts";
import type { LatestValues } from "../rows/latest-values.ts";

/** Sorts before `readings`, and inserts run in that order: a mark stands before its readings can be seen. */
export const DIRTY_TABLE = "dirty_buckets";

const DIRTY_BUCKETS: TableShape = {
  table: DIRTY_TABLE,
  columns: ["slot", "tenant", "device", "start"],
  monthly: false,
};
export const MINUTE_MS = 60_000;

/** Marks the minutes in which devices of the batch have readings, in the partition `slot`. */
export function writeDirtyBuckets(sheets: RowSheets, touched: LatestValues, slot: number): void {
  for (const { tenant, device, minutes } of touched.devices) {
    const writer = sheets.writerOfPartition(DIRTY_BUCKETS, slot, minutes.size);
    for (const minute of minutes) {
      writer.uint32(slot);
      writer.string(tenant);
      writer.string(device);
      writer.int64(minute * MINUTE_MS);
    }
  }
}
