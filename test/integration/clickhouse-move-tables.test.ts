import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createChdbProcess, type ChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink, type ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { migrateDatabase } from "../../sinks/clickhouse/migrate.ts";
import { TABLES } from "../../sinks/clickhouse/migrations/migrations.ts";
import { moveTables } from "../../sinks/clickhouse/move-tables.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { startClickHouseServer, type ClickHouseServer } from "../support/clickhouse-server.ts";

const INSTALLATION = "plant";
const countRow = z.object({ rows: z.number() });

/** Rows of two months, of which one is inserted in two parts, and a window in two revisions. */
const FILL = [
  `INSERT INTO readings (tenant, device, metric, ts, kind, number, text, src_stage, src_partition, src_generation, src_offset, src_step, src_index)
   SELECT 't', concat('d', toString(number % 7)), 'temperature', toDateTime64('2026-01-30 00:00:00', 3, 'UTC') + number * 60, 'number',
     number / 3, 'it''s\\t\\n', 'main', 1, 2, number, 0, 0 FROM numbers(0, 5000)`,
  `INSERT INTO readings (tenant, device, metric, ts, kind, number, text, src_stage, src_partition, src_generation, src_offset, src_step, src_index)
   SELECT 't', 'late', 'temperature', toDateTime64('2026-01-30 00:00:00', 3, 'UTC') + number, 'text', nan, 'x',
     'main', 1, 2, 10000 + number, 0, 0 FROM numbers(0, 100)`,
  ...[0, 1].map(
    (
      revision,
    ) => `INSERT INTO aggregates (tenant, device, metric, size_ms, start, revision, count, sum, min, max, mean, first, last,
     src_stage, src_partition, src_generation, src_offset, src_step, src_index)
   SELECT 't', 'd', 'm', 60000, toDateTime64('2026-02-01 00:00:00', 3, 'UTC') + number * 60, ${revision}, 1, 1, 1, 1, 1, 1, 1,
     'main', 1, 2, ${revision}, 0, number FROM numbers(0, 50)`,
  ),
];

describe.skipIf(!hasChdb())(`tables that move to another ClickHouse ${CHDB_TITLE}`, () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  const engines: ChdbProcess[] = [];
  let server: ClickHouseServer;
  let source: ClickHouseLink;
  let target: ClickHouseLink;

  async function startChdb(name: string): Promise<ChdbProcess> {
    const chdb = createChdbProcess({
      path: join(directory.path, name),
      environment: process.env,
      clock: systemClock,
      logger: silentLogger,
      onFault: () => undefined,
    });
    engines.push(chdb);
    await chdb.start();
    return chdb;
  }

  beforeAll(async () => {
    directory = temporaryDirectory();
    const here = await startChdb("here");
    const there = await startChdb("there");
    server = await startClickHouseServer(() => there.connection());
    source = createClickHouseLink(() => here.connection());
    target = createClickHouseLink(server.connection());
    await migrateDatabase(source, INSTALLATION);
    for (const statement of FILL) await source.command(statement);
  });

  afterAll(async () => {
    await source.close();
    await target.close();
    await server.down();
    for (const engine of engines) await engine.stop(AbortSignal.timeout(5000));
    directory.dispose();
  });

  const move = () => moveTables({ source, target, installation: INSTALLATION, onProgress: () => undefined });
  const rowsOf = async (link: ClickHouseLink, sql: string) => (await link.query(sql, countRow))[0]?.rows;

  it("come there whole, and the database is the same one", async () => {
    const moved = await move();
    expect(moved.map(({ table }) => table)).toEqual(TABLES);
    expect(moved.filter(({ rows, moved: count, equal }) => !equal || rows !== count)).toEqual([]);
    expect(moved.find(({ table }) => table === "readings")?.moved).toBe(5100);
    // Revisions that are replaced do not count.
    expect(moved.find(({ table }) => table === "aggregates")?.moved).toBe(50);
    expect(await migrateDatabase(target, INSTALLATION)).toBe(await migrateDatabase(source, INSTALLATION));
    expect(
      await rowsOf(target, "SELECT count() AS rows FROM readings WHERE text = 'it''s\\t\\n' AND device = 'd3'"),
    ).toBe(714);
  });

  it("come once, however often, and what was only half there comes anew", async () => {
    await target.command("DELETE FROM readings WHERE src_offset % 5 = 0 AND toYYYYMM(ts) = 202601");
    expect(await rowsOf(target, "SELECT count() AS rows FROM readings")).toBeLessThan(5100);
    const moved = await move();
    expect(moved.every(({ rows, moved: count, equal }) => equal && rows === count)).toBe(true);
    expect(await rowsOf(target, "SELECT count() AS rows FROM readings")).toBe(5100);
  });

  it("do not come into a database that was filled another way", async () => {
    await target.command("TRUNCATE TABLE database_identity");
    await target.command("INSERT INTO database_identity SELECT generateUUIDv4(), now64(3)");
    await expect(move()).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  });
});
