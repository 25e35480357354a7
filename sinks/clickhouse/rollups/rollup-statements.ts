import { DIRTY_TABLE } from "./dirty-buckets.ts";
import { ROLLUP_LEVELS, type RollupLevel } from "./rollup-levels.ts";

/** A share of the marks: slots up to one, and of `passes` shares of the devices number `pass`. */
export interface RollupPass {
  readonly upToSlot: number;
  readonly passes: number;
  readonly pass: number;
}

const COLUMNS = "tenant, device, metric, start, count, sum, min, max, last, first_ts, last_ts, computed";
/** The result is the same however often: nothing to deduplicate. Grouping goes to disk before it takes the memory of queries. */
const SETTINGS = `SETTINGS insert_deduplicate = 0, max_partitions_per_insert_block = 0, max_threads = 2, max_insert_threads = 1,
  max_bytes_before_external_group_by = 100000000`;

/**
 * The statements that compute the buckets of a pass, in their order: minutes of readings, hours of minutes, days of hours. Buckets from before
 * `finerSince(level)` are made of readings, because what they would be made of may have expired.
 */
export function rollupStatements(pass: RollupPass, finerSince: (level: RollupLevel) => number): readonly string[] {
  return ROLLUP_LEVELS.flatMap((level, index) => {
    const finer = ROLLUP_LEVELS[index - 1];
    if (finer === undefined) return [fromReadings(level, marks(level, pass))];
    const since = bucketAt(level, finerSince(finer));
    if (since === null) return [fromFiner(level, finer, marks(level, pass))];
    return [
      fromFiner(level, finer, marks(level, pass, `AND start >= ${timeOf(since)}`)),
      fromReadings(level, marks(level, pass, `AND start < ${timeOf(since)}`)),
    ];
  });
}

/** The first bucket that begins at or after the time; null for all time. */
function bucketAt({ sizeMs }: RollupLevel, time: number): number | null {
  return Number.isFinite(time) ? Math.max(0, Math.ceil(time / sizeMs) * sizeMs) : null;
}

/** Of two readings with the same time the later one in the log, as one number: a tuple costs half as much as all the rest together. */
const LATER = `bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(ts)), 64),
    toUInt128(bitOr(bitShiftLeft(src_offset, 16), bitAnd(src_index, 65535))))`;

function fromReadings({ table, sizeMs, startOf }: RollupLevel, marked: string): string {
  return `INSERT INTO ${table} (${COLUMNS}) ${SETTINGS}
SELECT tenant, device, metric, ${startMs("ts", sizeMs)} AS bucket, count(), sum(number), min(number), max(number),
  argMax(number, ${LATER}), min(ts), max(ts), now('UTC')
FROM readings WHERE kind != 'text' AND (tenant, device, ${startOf}(ts)) IN (${marked})
GROUP BY tenant, device, metric, bucket`;
}

/**
 * Merges that leave only the newest version of a bucket come when they come. A value each, and not one tuple of them, which is compared and kept
 * as a value of any type: versions of a bucket with one count were made of the same readings, so that it does not matter which of them is taken.
 */
function fromFiner({ table, sizeMs, startOf }: RollupLevel, finer: RollupLevel, marked: string): string {
  return `INSERT INTO ${table} (${COLUMNS}) ${SETTINGS}
SELECT tenant, device, metric, ${startMs("part", sizeMs)} AS bucket, sum(n), sum(part_sum), min(part_min), max(part_max),
  argMax(part_last, part_last_ts), min(part_first_ts), max(part_last_ts), now('UTC')
FROM (
  SELECT tenant, device, metric, start AS part, max(count) AS n, argMax(sum, count) AS part_sum, argMax(min, count) AS part_min,
    argMax(max, count) AS part_max, argMax(last, count) AS part_last, argMax(first_ts, count) AS part_first_ts,
    argMax(last_ts, count) AS part_last_ts
  FROM ${finer.table} WHERE (tenant, device, ${startOf}(start)) IN (${marked})
  GROUP BY tenant, device, metric, part
) GROUP BY tenant, device, metric, bucket`;
}

function marks({ startOf }: RollupLevel, { upToSlot, passes, pass }: RollupPass, more = ""): string {
  return `SELECT tenant, device, ${startOf}(start) FROM ${DIRTY_TABLE}
  WHERE slot <= ${upToSlot} AND cityHash64(tenant, device) % ${passes} = ${pass} ${more}`;
}

/** Not toStartOf…, whose result ends in the year 2106. */
function startMs(time: string, sizeMs: number): string {
  return `fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(${time}), ${sizeMs}) * ${sizeMs}, 'UTC')`;
}

function timeOf(ms: number): string {
  return `fromUnixTimestamp64Milli(${ms}, 'UTC')`;
}
