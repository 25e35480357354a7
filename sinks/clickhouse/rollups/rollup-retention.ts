import { z } from "zod";
import { ROLLUP_LEVELS, type RollupRetention } from "./rollup-levels.ts";
import type { ClickHouseLink } from "../clickhouse-link.ts";

const tableRow = z.object({ name: z.string(), sql: z.string() });
const TABLES = `SELECT name, create_table_query AS sql FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, 'rollup_')`;

/**
 * Lets the roll-ups expire as the settings have it, after the time when they were last computed: a replay of old data must not vanish. Changes
 * nothing where it is so already. Errors: SINK_UNAVAILABLE, SINK_REFUSED, CONFIG_INVALID.
 */
export async function setRollupRetention(link: ClickHouseLink, retention: RollupRetention): Promise<void> {
  const found = new Map((await link.query(TABLES, tableRow)).map(({ name, sql }) => [name, sql]));
  for (const { table } of ROLLUP_LEVELS) {
    const days = retention[table];
    const is = /\bTTL computed \+ toIntervalDay\((\d+)\)/.exec(found.get(table) ?? "")?.[1];
    if (String(days ?? "") === (is ?? "")) continue;
    await link.command(
      days === undefined
        ? `ALTER TABLE ${table} REMOVE TTL`
        : `ALTER TABLE ${table} MODIFY TTL computed + INTERVAL ${days} DAY`,
    );
  }
}
