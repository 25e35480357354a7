import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { requireCount, requireIds, requireRange } from "./history-limits.ts";
import type { Aggregate } from "../../core/derived-records.ts";
import type { HistoryQueries, RawReading } from "../../core/history.ts";
import type { BoundValues, ClickHouseLink } from "./clickhouse-link.ts";

const RANGE = `>= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`;
const UNTIL = `< fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;

const READINGS = `SELECT toUnixTimestamp64Milli(ts) AS ts_ms, metric, kind = 'text' AS is_text, number, text
FROM readings
WHERE tenant = {tenant:String} AND device = {device:String} AND ts ${RANGE} AND ts ${UNTIL}
ORDER BY ts DESC, metric, src_offset DESC, src_step DESC, src_index DESC LIMIT {limit:UInt32}`;

/** The greatest version of each window: merges that drop the older ones come when they come. One of no values was taken back. */
const AGGREGATES = `SELECT toString(metric) AS metric_name, toUnixTimestamp64Milli(start) AS start_ms,
  argMax((revision, count, sum, min, max, mean, first, last), version) AS newest
FROM aggregates
WHERE tenant = {tenant:String} AND device = {device:String} AND ({metric:String} = '' OR metric = {metric:String})
  AND size_ms = {size:UInt64} AND start ${RANGE} AND start ${UNTIL}
GROUP BY metric_name, start HAVING newest.2 > 0 ORDER BY start DESC, metric_name LIMIT {limit:UInt32}`;

const LATEST = `SELECT device, toString(metric) AS metric_name, toUnixTimestamp64Milli(max(ts)) AS ts_ms,
  argMax((kind = 'text', number, text), ts) AS newest
FROM latest_readings
WHERE tenant = {tenant:String} AND ({device:String} = '' OR device = {device:String})
GROUP BY device, metric_name ORDER BY device, metric_name`;

const readingRow = z.object({
  ts_ms: z.number(),
  metric: z.string(),
  is_text: z.number(),
  number: z.number(),
  text: z.string(),
});
const n = z.number();
const aggregateRow = z.object({
  metric_name: z.string(),
  start_ms: z.number(),
  newest: z.tuple([n, n, n, n, n, n, n, n]),
});
const latestRow = z.object({
  device: z.string(),
  metric_name: z.string(),
  ts_ms: z.number(),
  newest: z.tuple([z.number(), z.number(), z.string()]),
});

/** Newest first. Booleans come as 1 and 0. */
export async function readReadings(
  link: ClickHouseLink,
  query: Parameters<HistoryQueries["readings"]>[0],
): Promise<readonly RawReading[]> {
  const { tenant, device, from, to, limit } = query;
  requireIds(tenant, device);
  requireRange(query);
  requireCount(limit, LIMITS.pageSizeMax);
  const rows = await link.query(READINGS, readingRow, { tenant, device, from, to, limit });
  return rows.map(({ ts_ms: ts, metric, is_text: isText, number, text }) => ({
    ts,
    metric,
    value: isText ? text : number,
  }));
}

/** One per window, by start and metric. */
export async function readAggregates(
  link: ClickHouseLink,
  query: Parameters<HistoryQueries["aggregates"]>[0],
): Promise<readonly Aggregate[]> {
  const { tenant, device, metric = "", sizeMs: size, from, to, limit } = query;
  requireIds(tenant, device);
  requireRange(query);
  requireCount(size, LIMITS.windowMsMax);
  requireCount(limit, LIMITS.pageSizeMax);
  const values: BoundValues = { tenant, device, metric, size, from, to, limit };
  const rows = await link.query(AGGREGATES, aggregateRow, values);
  return rows.map(({ metric_name: name, start_ms: start, newest }) => {
    const [revision, count, sum, min, max, mean, first, last] = newest;
    return { v: 1, tenant, device, metric: name, start, size, revision, count, sum, min, max, mean, first, last };
  });
}

/** By device and metric. */
export async function readLatest(
  link: ClickHouseLink,
  tenant: string,
  device = "",
): Promise<readonly (RawReading & { readonly device: string })[]> {
  requireIds(tenant, ...(device === "" ? [] : [device]));
  const rows = await link.query(LATEST, latestRow, { tenant, device });
  return rows.map(({ device: of, metric_name: metric, ts_ms: ts, newest: [isText, number, text] }) => ({
    device: of,
    metric,
    ts,
    value: isText ? text : number,
  }));
}
