import { eraseDevice } from "./erase-device.ts";
import { erasuresOf, insertToken, type InsertPlan } from "./insert-plan.ts";
import type { RowSheet } from "./row-sheets.ts";
import type { SinkContext } from "./sink-context.ts";

/** The inserts of a plan, one after the other, then its erasures. May run again: the tokens make every further insert without effect. */
export async function insertSheets(
  { link, counters }: SinkContext,
  plan: InsertPlan,
  sheets: readonly RowSheet[],
): Promise<void> {
  for (const { shape, month, rows, bytes } of sheets) {
    const token = insertToken(plan, shape.table, month);
    await link.insert({ table: shape.table, columns: shape.columns, rows: bytes, token });
    counters.inserted(shape.table, rows);
  }
  for (const erasure of erasuresOf(plan)) await eraseDevice(link, erasure);
}
