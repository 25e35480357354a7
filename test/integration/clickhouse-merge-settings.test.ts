import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { MERGED_TABLES, MERGE_SETTINGS, setMergeSettings } from "../../sinks/clickhouse/merge-settings.ts";
import { migrateDatabase } from "../../sinks/clickhouse/migrate.ts";
import { silentLogger } from "../../core/logger.ts";
import { CHDB_TITLE, hasChdb, openBench, until } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { createFiller } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import type { ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const tableRow = z.object({ name: z.string(), sql: z.string() });
const WITH_SETTINGS = `SELECT name, create_table_query AS sql FROM system.tables
  WHERE database = currentDatabase() AND create_table_query LIKE '%merge_selector_base%' ORDER BY name`;

describe.skipIf(!hasChdb())(`how tables are merged ${CHDB_TITLE}`, { timeout: 60_000 }, () => {
  let bench: ClickHouseBench;
  let link: ClickHouseLink;
  beforeEach(async () => {
    bench = await openBench();
    await bench.startChdb();
    link = createClickHouseLink(() => bench.chdb().connection());
  });
  afterEach(async () => {
    await link.close();
    await bench.close();
  });

  const settings = async (): Promise<Record<string, string>> => {
    const tables = await link.query(WITH_SETTINGS, tableRow);
    return Object.fromEntries(
      tables.map(({ name, sql }) => [name, /merge_selector_base = ([\d.]+)/.exec(sql)?.[1] ?? ""]),
    );
  };
  const settled = (): Promise<void> => until("all is settled", () => bench.isSettled());

  it("is set by the sink's start, also on the tables of a release before, whose rows stay", async () => {
    // As a release leaves them that knows nothing of it.
    await migrateDatabase(link, "test");
    expect(await settings()).toEqual({});
    const filler = createFiller(bench.log, { startTs: Date.UTC(2026, 0, 20), stepMs: 1000 });
    filler.readings(50);
    const sink = await bench.startSink();
    await settled();
    const before = await bench.tally();
    expect(await settings()).toEqual({ readings: "10", rollup_minutes: "10" });
    expect(Object.keys(await settings())).toEqual(MERGED_TABLES);
    await bench.stop(sink);
    filler.readings(50);
    await bench.startSink();
    await settled();
    const after = await bench.tally();
    expect(after.readingRows).toBe(after.readingDistinct);
    expect(after.readingRows).toBeGreaterThan(before.readingRows);
    expect(await settings()).toEqual({ readings: "10", rollup_minutes: "10" });
  });

  it("leaves what an administrator has chosen", async () => {
    await migrateDatabase(link, "test");
    await link.command("ALTER TABLE readings MODIFY SETTING merge_selector_base = 7");
    await setMergeSettings(link, silentLogger);
    expect(await settings()).toEqual({ readings: "7", rollup_minutes: "10" });
  });

  it("is not set where the user may not, which is told and stops nothing", async () => {
    await migrateDatabase(link, "test");
    const warned: unknown[] = [];
    const logger = { ...silentLogger, warn: (...told: unknown[]) => void warned.push(told) };
    await setMergeSettings({ ...link, isGranted: () => Promise.resolve(false) }, logger);
    expect(await settings()).toEqual({});
    expect(warned).toEqual([[{ tables: [...MERGED_TABLES] }, expect.stringContaining("ALTER SETTINGS")]]);
  });

  it("is not asked of a server that does not know the settings", async () => {
    await migrateDatabase(link, "test");
    const old: ClickHouseLink = {
      ...link,
      query: (sql, row, values) =>
        sql.includes("system.merge_tree_settings") ? Promise.resolve([]) : link.query(sql, row, values),
    };
    await setMergeSettings(old, silentLogger);
    expect(await settings()).toEqual({});
  });

  it("names settings that ClickHouse has", async () => {
    const known = await link.query("SELECT name FROM system.merge_tree_settings", z.object({ name: z.string() }));
    expect(known.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(MERGE_SETTINGS)));
  });
});
