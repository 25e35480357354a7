/** One width of the roll-ups of readings. */
export interface RollupLevel {
  readonly table: "rollup_minutes" | "rollup_hours" | "rollup_days";
  /** Width of a bucket, ms; buckets begin at multiples of it, UTC. */
  readonly sizeMs: number;
  /** ClickHouse's function from a time to its bucket, which its primary index sees through. */
  readonly startOf: "toStartOfMinute" | "toStartOfHour" | "toStartOfDay";
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY_MS = 24 * HOUR;

/** From fine to coarse: each is made of the one before, the first of readings. */
export const ROLLUP_LEVELS = [
  { table: "rollup_minutes", sizeMs: MINUTE, startOf: "toStartOfMinute" },
  { table: "rollup_hours", sizeMs: HOUR, startOf: "toStartOfHour" },
  { table: "rollup_days", sizeMs: DAY_MS, startOf: "toStartOfDay" },
] as const satisfies readonly RollupLevel[];

/** Days that buckets are kept after they were last computed, per table; absent: for good. */
export type RollupRetention = Readonly<Partial<Record<RollupLevel["table"], number>>>;

/** Times from which on no bucket of the level has expired, UTC ms; a bucket is never computed before its time, but for a clock that is ahead. */
export function keptSince(level: RollupLevel, retention: RollupRetention, nowMs: number): number {
  const days = retention[level.table];
  return days === undefined ? Number.NEGATIVE_INFINITY : nowMs - (days - 1) * DAY_MS;
}
