import { z } from "zod";
import { LIMITS } from "../../../core/limits.ts";
import { DIRTY_TABLE } from "./dirty-buckets.ts";
import { coverRange, type RollupCover, type TimeRange } from "./rollup-cover.ts";
import { ROLLUP_LEVELS, keptSince, type RollupLevel, type RollupRetention } from "./rollup-levels.ts";
import type { BoundValues, ClickHouseLink } from "../clickhouse-link.ts";

export interface SeriesScope extends TimeRange {
  readonly tenant: string;
  readonly device: string;
  readonly metric: string;
}

/** A table to ask in place of `readings`: rows of `at` (UTC ms), `held` (readings), `total`, `lowest`, `highest`, `first_at`, `last_at`. */
export interface SeriesSource {
  readonly sql: string;
  readonly values: BoundValues;
}

/** A range must hold this many buckets of a level before it is asked: two of them may be cut through. */
const BUCKETS_MIN = 8;

const SERIES = "tenant = {tenant:String} AND metric = {metric:String} AND device = {device:String}";
const DIRTY = `SELECT DISTINCT intDiv(toUnixTimestamp64Milli(start), {size:Int64}) AS bucket FROM ${DIRTY_TABLE}
WHERE tenant = {tenant:String} AND device = {device:String} AND start >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Milli({to:Int64}, 'UTC') ORDER BY bucket`;
const dirtyRow = z.object({ bucket: z.number() });

/** The coarsest level that the range is wide enough for, whose buckets make up the widths wanted, and that has kept them all. */
export function levelFor(
  { from, to }: TimeRange,
  fits: (sizeMs: number) => boolean,
  retention: RollupRetention,
  nowMs: number,
): RollupLevel | null {
  const usable = (level: RollupLevel): boolean =>
    to - from >= BUCKETS_MIN * level.sizeMs && fits(level.sizeMs) && from >= keptSince(level, retention, nowMs);
  return ROLLUP_LEVELS.findLast(usable) ?? null;
}

/**
 * Roll-ups where they are up to date, readings elsewhere: the answer is that of readings alone. Asked before the roll-ups are, so that what
 * becomes clean meanwhile only makes them newer. Null when too much is dirty to be worth it.
 */
export async function rolledUpSource(
  link: ClickHouseLink,
  scope: SeriesScope,
  level: RollupLevel,
): Promise<SeriesSource | null> {
  const { tenant, device, from, to } = scope;
  const aligned = { from: Math.floor(from / level.sizeMs) * level.sizeMs, to: to + level.sizeMs };
  const dirty = await link.query(DIRTY, dirtyRow, { tenant, device, ...aligned, size: level.sizeMs });
  const cover = coverRange(
    scope,
    level.sizeMs,
    dirty.map(({ bucket }) => bucket),
  );
  if (cover.gaps.length > LIMITS.rollupGapsMax || cover.rolledUp.length === 0) return null;
  return sourceOf(scope, level, cover);
}

/** Readings alone. */
export function readingsSource(scope: SeriesScope): SeriesSource {
  const gaps = within("ts", [{ from: scope.from, to: scope.to }], "gap");
  return { sql: readings(gaps.sql), values: { ...seriesOf(scope), ...gaps.values } };
}

function sourceOf(scope: SeriesScope, { table }: RollupLevel, { rolledUp, gaps }: RollupCover): SeriesSource {
  const whole = within("start", rolledUp, "whole");
  const rest = within("ts", gaps, "gap");
  // The greatest count is the newest version: merges that drop the older ones come when they come.
  const buckets = `SELECT toUnixTimestamp64Milli(start) AS at, max(count) AS held,
  argMax((sum, min, max, toUnixTimestamp64Milli(first_ts), toUnixTimestamp64Milli(last_ts)), count) AS newest,
  newest.1 AS total, newest.2 AS lowest, newest.3 AS highest, newest.4 AS first_at, newest.5 AS last_at
FROM ${table} WHERE ${SERIES} AND ${whole.sql} GROUP BY start`;
  const columns = "at, held, total, lowest, highest, first_at, last_at";
  const parts = [`SELECT ${columns} FROM (${buckets})`, ...(gaps.length === 0 ? [] : [readings(rest.sql)])];
  return { sql: parts.join("\nUNION ALL\n"), values: { ...seriesOf(scope), ...whole.values, ...rest.values } };
}

/** Text values have no place in a series. */
function readings(range: string): string {
  return `SELECT toUnixTimestamp64Milli(ts) AS at, toUInt64(1) AS held, number AS total, number AS lowest, number AS highest,
  at AS first_at, at AS last_at FROM readings WHERE ${SERIES} AND ${range} AND kind != 'text'`;
}

function seriesOf({ tenant, device, metric }: SeriesScope): BoundValues {
  return { tenant, device, metric };
}

/** A condition that the primary index sees through, with a pair of bound values for each range. */
function within(column: string, ranges: readonly TimeRange[], name: string): SeriesSource {
  const bound = (value: string): string => `fromUnixTimestamp64Milli({${value}:Int64}, 'UTC')`;
  const terms = ranges.map(
    (_, n) => `(${column} >= ${bound(`${name}From${n}`)} AND ${column} < ${bound(`${name}To${n}`)})`,
  );
  const values = ranges.flatMap(({ from, to }, n) => [
    [`${name}From${n}`, from],
    [`${name}To${n}`, to],
  ]);
  return { sql: `(${terms.join(" OR ")})`, values: Object.fromEntries(values) };
}
