import { z } from "zod";
import { DIRTY_TABLE } from "./rollups/dirty-buckets.ts";
import type { RowSheet } from "./row-sheets.ts";
import { erasureFromTuple, erasureToTuple, erasureTupleSchema, type Erasure } from "./erased-devices.ts";
import type { OffsetRange } from "./insert-batch.ts";

/**
 * What is about to be inserted, committed to the journal before the first insert. Whoever restores a plan that was not settled reads
 * the same ranges again, which gives the same rows, and inserts them with the same tokens: ClickHouse drops what it has already.
 */
export const insertPlanSchema = z.object({
  /** Random, not counted: a log that was emptied must not repeat the tokens of the one before. */
  id: z.uuid(),
  ranges: z.array(z.object({ topic: z.string(), partition: z.int(), from: z.int(), to: z.int() })),
  inserts: z.array(z.object({ table: z.string(), month: z.int(), rows: z.int(), derived: z.int().exactOptional() })),
  /** Devices whose removal was among the records: their rows are deleted after the inserts. */
  erasures: z.array(erasureTupleSchema).default([]),
});
export type InsertPlan = z.infer<typeof insertPlanSchema>;

export function makeInsertPlan(
  id: string,
  ranges: readonly OffsetRange[],
  sheets: readonly RowSheet[],
  erasures: readonly Erasure[] = [],
): InsertPlan {
  return {
    id,
    ranges: [...ranges],
    inserts: sheets.map(({ shape, month, rows, derived }) => {
      return { table: shape.table, month, rows, ...(derived === 0 ? {} : { derived }) };
    }),
    erasures: erasures.map(erasureToTuple),
  };
}

/** The devices that the plan erases. */
export function erasuresOf(plan: Pick<InsertPlan, "erasures">): readonly Erasure[] {
  return plan.erasures.flatMap((tuple) => erasureFromTuple(tuple) ?? []);
}

/** The deduplication token of one insert of a plan. */
export function insertToken(plan: Pick<InsertPlan, "id">, table: string, month: number): string {
  return `${plan.id}:${table}:${month}`;
}

/** Where the plan has marked what is to be rolled up; 0 when nowhere. */
export function slotOf(plan: Pick<InsertPlan, "inserts">): number {
  return plan.inserts.find(({ table }) => table === DIRTY_TABLE)?.month ?? 0;
}

/**
 * Whether rows made again are those of the plan: false means that this release encodes them otherwise, or that the log lost some. Marks
 * for the roll-ups are not compared: the plan of an older release has none.
 */
export function matchesPlan(plan: InsertPlan, sheets: readonly RowSheet[]): boolean {
  const planned = plan.inserts.map(({ table, month, rows }) => `${table} ${month} ${rows}`);
  const made = sheets.map(({ shape, month, rows }) => `${shape.table} ${month} ${rows}`);
  return isSame(planned.filter(isCompared), made.filter(isCompared));
}

function isCompared(line: string): boolean {
  return !line.startsWith(DIRTY_TABLE);
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  const [planned, made] = [some.toSorted(), others.toSorted()];
  return planned.length === made.length && planned.every((text, index) => text === made[index]);
}
