import { z } from "zod";
import { ROLLUP_LEVELS } from "../../sinks/clickhouse/rollups/rollup-levels.ts";
import type { ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";

const differenceRow = z.object({ buckets: z.number(), lacking: z.number(), foreign: z.number() });

export interface RollupDifference {
  readonly table: string;
  /** Buckets that the readings make. */
  readonly buckets: number;
  /** Of them not in the table as they should be, and in the table without being made by the readings. */
  readonly lacking: number;
  readonly foreign: number;
}

/** Every level against what readings make, computed by a query of its own: only the grouping by bucket is shared. */
export async function compareRollups(link: ClickHouseLink): Promise<readonly RollupDifference[]> {
  const found: RollupDifference[] = [];
  for (const { table, sizeMs } of ROLLUP_LEVELS) {
    const expected = `SELECT toString(tenant) AS t, device AS d, toString(metric) AS m,
      intDiv(toUnixTimestamp64Milli(ts), ${sizeMs}) * ${sizeMs} AS at, count() AS n, round(sum(number), 6) AS total, min(number) AS lowest,
      max(number) AS highest, arrayLast(x -> 1, arraySort(groupArray((ts, src_generation, src_offset, src_step, src_index, number)))).6 AS newest,
      toUnixTimestamp64Milli(min(ts)) AS earliest, toUnixTimestamp64Milli(max(ts)) AS latest
      FROM readings WHERE kind != 'text' GROUP BY t, d, m, at`;
    const held = `SELECT toString(tenant) AS t, device AS d, toString(metric) AS m, toUnixTimestamp64Milli(start) AS at, count AS n,
      round(sum, 6) AS total, min AS lowest, max AS highest, last AS newest, toUnixTimestamp64Milli(first_ts) AS earliest,
      toUnixTimestamp64Milli(last_ts) AS latest FROM ${table} FINAL`;
    const count = (sql: string): string => `(SELECT count() FROM (${sql}))`;
    const sql = `SELECT ${count(expected)} AS buckets, ${count(`${expected} EXCEPT ${held}`)} AS lacking,
      ${count(`${held} EXCEPT ${expected}`)} AS foreign`;
    const [difference] = await link.query(sql, differenceRow);
    if (difference !== undefined) found.push({ table, ...difference });
  }
  return found;
}
