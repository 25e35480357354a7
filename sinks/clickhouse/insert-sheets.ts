import { eraseDevice } from "./erase-device.ts";
import { erasuresOf, insertToken, slotOf, type InsertPlan } from "./insert-plan.ts";
import { countReadings } from "./stored-readings.ts";
import { withdrawSuperseded } from "./withdraw-superseded.ts";
import { SUPERSEDED_TABLE } from "./rows/superseded-rows.ts";
import type { RowSheet } from "./row-sheets.ts";
import type { SinkContext } from "./sink-context.ts";

export interface InsertOutcome {
  /** Rows of `readings` afterwards, counted anew because some were deleted; null when none were. */
  readonly readingRows: number | null;
}

/** The inserts of a plan, one after the other and marks before readings, then what its corrections take the place of, then its erasures. May run again: the tokens make every further insert without effect. */
export async function insertSheets(
  { link, counters, firstGeneration, rollups }: SinkContext,
  plan: InsertPlan,
  sheets: readonly RowSheet[],
): Promise<InsertOutcome> {
  for (const { shape, month, rows, format, bytes } of sheets) {
    const token = insertToken(plan, shape.table, month);
    await link.insert({ table: shape.table, columns: shape.columns, format, rows: bytes, token });
    counters.inserted(shape.table, rows);
  }
  if (plan.inserts.some(({ table }) => table === SUPERSEDED_TABLE)) await withdrawSuperseded(link);
  const erasures = erasuresOf(plan);
  if (slotOf(plan) > 0 || erasures.length > 0) rollups.mark();
  for (const erasure of erasures) await eraseDevice(link, erasure, rollups.slot);
  return { readingRows: erasures.length === 0 ? null : await countReadings(link, firstGeneration) };
}
