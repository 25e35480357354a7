import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { requireCount, requireIds, requireRange, requireSpan } from "./history-limits.ts";
import { levelFor, readingsSource, rolledUpSource } from "./rollups/rollup-series.ts";
import type { SeriesScope, SeriesSource } from "./rollups/rollup-series.ts";
import type { RollupRetention } from "./rollups/rollup-levels.ts";
import type { Series, SeriesPoint, SeriesQuery } from "../../core/history.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

const RAW = `SELECT toUnixTimestamp64Milli(ts) AS ts_ms, number AS value, number AS low, number AS high, 1 AS n
FROM readings
WHERE tenant = {tenant:String} AND metric = {metric:String} AND device = {device:String}
  AND ts >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
  AND kind != 'text'
ORDER BY ts, src_offset, src_step, src_index LIMIT {points:UInt32}`;

function extentOf({ sql }: SeriesSource): string {
  return `SELECT sum(held) AS count, min(first_at) AS first, max(last_at) AS last FROM (${sql})`;
}

function bucketsOfSource({ sql }: SeriesSource): string {
  return `SELECT {origin:Int64} + intDiv(at - {origin:Int64}, {width:Int64}) * {width:Int64} AS ts_ms,
  sum(total) / sum(held) AS value, min(lowest) AS low, max(highest) AS high, sum(held) AS n
FROM (${sql}) GROUP BY ts_ms ORDER BY ts_ms LIMIT {points:UInt32}`;
}

const extentRow = z.object({ count: z.number(), first: z.number(), last: z.number() });
const pointRow = z.object({ ts_ms: z.number(), value: z.number(), low: z.number(), high: z.number(), n: z.number() });

/** Widths that people read easily. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WIDTHS_MS = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28, 56, 112, 224, 448].map((n) => n * DAY),
];

/** Where roll-ups end, and when now is: for those that expire. */
export interface RollupChoice {
  readonly retention: RollupRetention;
  readonly now: () => number;
}

/**
 * Raw readings when they are few enough, else buckets with mean, extremes and count, made by ClickHouse: of roll-ups where the width allows
 * it. What is asked of roll-ups is what readings would answer.
 */
export async function readSeries(link: ClickHouseLink, query: SeriesQuery, choice: RollupChoice): Promise<Series> {
  const { tenant, device, metric, from, to, pointsMax } = query;
  requireIds(tenant, device);
  requireRange(query);
  requireSpan(query);
  requireCount(pointsMax, LIMITS.chartPointsMax);
  const scope = { tenant, device, metric, from, to };
  const source = (fits: (sizeMs: number) => boolean): Promise<SeriesSource> => sourceFor(link, scope, fits, choice);
  const whole = await source(() => true);
  const [extent] = await link.query(extentOf(whole), extentRow, whole.values);
  if (extent === undefined || extent.count === 0) return { points: [], bucketMs: 0 };
  if (extent.count <= pointsMax) {
    const rows = await link.query(RAW, pointRow, { ...scope, points: pointsMax });
    return { points: rows.map(toPoint), bucketMs: 0 };
  }
  const { origin, width } = bucketsOf(extent.first, extent.last, pointsMax);
  const fine = await source((sizeMs) => width % sizeMs === 0 && origin % sizeMs === 0);
  const values = { ...fine.values, origin, width, points: pointsMax };
  const rows = await link.query(bucketsOfSource(fine), pointRow, values);
  return { points: rows.map(toPoint), bucketMs: width };
}

async function sourceFor(
  link: ClickHouseLink,
  scope: SeriesScope,
  fits: (sizeMs: number) => boolean,
  { retention, now }: RollupChoice,
): Promise<SeriesSource> {
  const level = levelFor(scope, fits, retention, now());
  return (level === null ? null : await rolledUpSource(link, scope, level)) ?? readingsSource(scope);
}

/** The narrowest easy width with which buckets at multiples of it are at most `pointsMax`; one odd bucket when there is none. */
export function bucketsOf(
  first: number,
  last: number,
  pointsMax: number,
): { readonly origin: number; readonly width: number } {
  const width = WIDTHS_MS.find((ms) => Math.floor(last / ms) - Math.floor(first / ms) < pointsMax);
  if (width !== undefined) return { origin: 0, width };
  return { origin: first, width: Math.ceil((last - first + 1) / pointsMax) };
}

function toPoint({ ts_ms: ts, value, low: min, high: max, n: count }: z.infer<typeof pointRow>): SeriesPoint {
  return { ts, value, min, max, count };
}
