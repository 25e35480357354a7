import { z } from "zod";
import { MAIN_STAGE } from "../../core/stage.ts";
import { deviceKey } from "../../core/ids.ts";
import type { StoredReadings, StoredReadingsQuery } from "../../core/history.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

/** Rows that one pass of the distinct count looks at: it must end within a query's time and memory. */
const PASS_ROWS = 2_000_000;

/** Rows of partitions that the bounds do not know are beyond them. */
const WITHIN = `src_stage = {stage:String} AND src_generation >= {firstGeneration:UInt32} AND src_partition < {partitions:UInt16}
  AND src_offset < arrayElement({bounds:Array(UInt64)}, src_partition + 1)`;

const BY_DEVICE = `SELECT toString(tenant) AS tenant_id, device, count() AS rows
  FROM readings WHERE ${WITHIN} GROUP BY tenant_id, device`;

/** Grouped, not uniqExact, which keeps every key in memory: grouping goes to disk when it grows. */
const DISTINCT = `SELECT count() AS rows FROM (
  SELECT 1 FROM readings WHERE ${WITHIN} AND sipHash64(src_partition, src_offset) % {passes:UInt32} = {pass:UInt32}
  GROUP BY src_partition, src_offset, src_step, src_index, metric)`;

const ALL =
  "SELECT count() AS rows FROM readings WHERE src_generation >= {firstGeneration:UInt32} AND src_stage = {stage:String}";

const countRow = z.object({ rows: z.number() });
const deviceRow = z.object({ tenant_id: z.string(), device: z.string(), rows: z.number() });

/** Counts what the tables hold of a cut, however many rows come in meanwhile: those lie beyond its bounds. */
export async function countStored(link: ClickHouseLink, query: StoredReadingsQuery): Promise<StoredReadings> {
  const { stage, firstGeneration, bounds } = query;
  const values = { stage, firstGeneration, bounds, partitions: bounds.length };
  const devices = await link.query(BY_DEVICE, deviceRow, values);
  const byKey = Object.fromEntries(devices.map((row) => [deviceKey(row.tenant_id, row.device), row.rows]));
  const rows = devices.reduce((sum, row) => sum + row.rows, 0);
  const passes = Math.max(1, Math.ceil(rows / PASS_ROWS));
  let distinct = 0;
  for (let pass = 0; pass < passes; pass += 1) {
    const counted = await link.query(DISTINCT, countRow, { ...values, passes, pass });
    distinct += counted[0]?.rows ?? 0;
  }
  return { rows, distinct, byKey };
}

/** All rows of `readings` that the main stage made from the log: of its first generation and later ones. */
export async function countReadings(link: ClickHouseLink, firstGeneration: number): Promise<number> {
  return (await link.query(ALL, countRow, { firstGeneration, stage: MAIN_STAGE }))[0]?.rows ?? 0;
}
