import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { requireCount, requireIds, requireRange, requireSpan } from "./history-limits.ts";
import type { Series, SeriesPoint, SeriesQuery } from "../../core/history.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

/** Readings are stored in UTC milliseconds; text values have no place in a series. */
const SCOPE = `FROM readings
WHERE tenant = {tenant:String} AND metric = {metric:String} AND device = {device:String}
  AND ts >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
  AND kind != 'text'`;

const EXTENT = `SELECT count() AS count, toUnixTimestamp64Milli(min(ts)) AS first, toUnixTimestamp64Milli(max(ts)) AS last ${SCOPE}`;

const RAW = `SELECT toUnixTimestamp64Milli(ts) AS ts_ms, number AS value, number AS low, number AS high, 1 AS n
${SCOPE} ORDER BY ts, src_offset, src_step, src_index LIMIT {points:UInt32}`;

const BUCKETS = `SELECT
  {origin:Int64} + intDiv(toUnixTimestamp64Milli(ts) - {origin:Int64}, {width:Int64}) * {width:Int64} AS ts_ms,
  avg(number) AS value, min(number) AS low, max(number) AS high, count() AS n
${SCOPE} GROUP BY ts_ms ORDER BY ts_ms LIMIT {points:UInt32}`;

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

/** Raw readings when they are few enough, else buckets with mean, extremes and count, made by ClickHouse. */
export async function readSeries(link: ClickHouseLink, query: SeriesQuery): Promise<Series> {
  const { tenant, device, metric, from, to, pointsMax } = query;
  requireIds(tenant, device);
  requireRange(query);
  requireSpan(query);
  requireCount(pointsMax, LIMITS.chartPointsMax);
  const scope = { tenant, device, metric, from, to };
  const [extent] = await link.query(EXTENT, extentRow, scope);
  if (extent === undefined || extent.count === 0) return { points: [], bucketMs: 0 };
  if (extent.count <= pointsMax) {
    const rows = await link.query(RAW, pointRow, { ...scope, points: pointsMax });
    return { points: rows.map(toPoint), bucketMs: 0 };
  }
  const { origin, width } = bucketsOf(extent.first, extent.last, pointsMax);
  const rows = await link.query(BUCKETS, pointRow, { ...scope, origin, width, points: pointsMax });
  return { points: rows.map(toPoint), bucketMs: width };
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
