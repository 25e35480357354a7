import { z } from "zod";
import { isMillraceError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

/**
 * How ClickHouse merges the parts of the tables that take a row for each reading. A merge of about ten parts in place of five: a row is written again
 * half as often on its way into the largest part, and the steps grow half as fast with the history. Column by column: a third less CPU for
 * each row. Settings of a table and no migration: they change nothing of what an older release reads and writes.
 */
export const MERGE_SETTINGS: Readonly<Record<string, number>> = {
  merge_selector_base: 10,
  vertical_merge_algorithm_min_columns_to_activate: 1,
};

/** Of the others there is a row for each hour and device at most, or none. */
export const MERGED_TABLES: readonly string[] = ["readings", "rollup_minutes"];

/** The right that setting them takes; without it they stay as they are. */
export const MERGE_SETTINGS_RIGHT = "ALTER SETTINGS";

const tableRow = z.object({ name: z.string(), sql: z.string() });
const nameRow = z.object({ name: z.string() });
const TABLES = `SELECT name, create_table_query AS sql FROM system.tables
WHERE database = currentDatabase() AND name IN (${quoted(MERGED_TABLES)})`;
/** One that is older than a setting does not know it. */
const KNOWN = `SELECT name FROM system.merge_tree_settings WHERE name IN (${quoted(Object.keys(MERGE_SETTINGS))}) ORDER BY name`;

/**
 * Gives tables the settings that they do not have; one that an administrator has given another value keeps it. Where the user may not, or the
 * server is too old or refuses them, the tables merge as they did. Errors: SINK_UNAVAILABLE; SINK_REFUSED and CONFIG_INVALID of the questions.
 */
export async function setMergeSettings(link: ClickHouseLink, logger: Logger): Promise<void> {
  const tables = await link.query(TABLES, tableRow);
  const lacks = (sql: string, setting: string): boolean => !new RegExp(`\\b${setting} = `).test(sql);
  if (!tables.some(({ sql }) => Object.keys(MERGE_SETTINGS).some((setting) => lacks(sql, setting)))) return;
  const known = (await link.query(KNOWN, nameRow)).map(({ name }) => name);
  const wanting = tables
    .map(({ name, sql }) => ({ name, missing: known.filter((setting) => lacks(sql, setting)) }))
    .filter(({ missing }) => missing.length > 0);
  if (wanting.length === 0) return;
  if ((await link.isGranted([MERGE_SETTINGS_RIGHT])) === false) {
    logger.warn(
      { tables: wanting.map(({ name }) => name) },
      `ClickHouse's user lacks the right ${MERGE_SETTINGS_RIGHT} on its database: merges cost more CPU than they need to. Give it the rights that \`millrace clickhouse-sql\` prints`,
    );
    return;
  }
  try {
    for (const { name, missing } of wanting)
      await link.command(`ALTER TABLE ${name} MODIFY SETTING ${listOf(missing)}`);
  } catch (error) {
    // A server that does not say which rights there are, or lets nobody set them: nothing is lost but CPU.
    if (!isMillraceError(error) || error.code === "SINK_UNAVAILABLE") throw error;
    logger.warn({ err: error }, "ClickHouse refuses settings of tables: merges cost more CPU than they need to");
  }
}

/** A CREATE TABLE of ours, whose last words are its settings, with those that its merges want. */
export function withMergeSettings(statement: string): string {
  const table = /^CREATE TABLE IF NOT EXISTS (\w+) /.exec(statement)?.[1] ?? "";
  return MERGED_TABLES.includes(table) ? `${statement}, ${listOf(Object.keys(MERGE_SETTINGS))}` : statement;
}

function listOf(names: readonly string[]): string {
  return names.map((name) => `${name} = ${MERGE_SETTINGS[name]}`).join(", ");
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(", ");
}
