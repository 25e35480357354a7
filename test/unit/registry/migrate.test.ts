import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { migrate, MIGRATIONS } from "../../../registry/migrate.ts";
import type { Migration } from "../../../registry/migrations/migration.ts";
import { sqliteEngine } from "../../../registry/sqlite-engine.ts";

describe("migrations", () => {
  let database = new DatabaseSync(":memory:");
  const run = (migrations: readonly Migration[]) =>
    migrate({
      engine: sqliteEngine(database, ":memory:"),
      clock: { now: () => 42 },
      logger: silentLogger,
      migrations,
    });
  const applied = () =>
    database.prepare("select number, name, applied_at from schema_migrations order by number").all();
  const hasTable = (name: string) =>
    database.prepare("select 1 from sqlite_schema where type = 'table' and name = ?").get(name) !== undefined;
  const makes = (number: number, table: string): Migration => ({
    number,
    name: `make ${table}`,
    async up(trx) {
      await trx.schema.createTable(table).addColumn("a", "bigint").execute();
    },
  });

  beforeEach(() => {
    database = new DatabaseSync(":memory:");
  });
  afterEach(() => database.close());

  it("are numbered from 1 without a gap", () => {
    expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  });

  it("run from an empty database, are recorded, and run no second time", async () => {
    await run([makes(1, "one"), makes(2, "two")]);
    expect(applied()).toMatchObject([
      { number: 1, name: "make one", applied_at: 42 },
      { number: 2, name: "make two", applied_at: 42 },
    ]);
    await run([makes(1, "one"), makes(2, "two")]);
    expect(applied()).toHaveLength(2);
  });

  it("go on from where an older release left off", async () => {
    await run([makes(1, "one")]);
    await run([makes(1, "one"), makes(2, "two"), makes(3, "three")]);
    expect(applied()).toHaveLength(3);
    expect(hasTable("three")).toBe(true);
  });

  it("leave nothing of a step that fails, and keep the steps before it", async () => {
    const fails: Migration = {
      number: 2,
      name: "fails",
      async up(trx, types) {
        await makes(2, "half").up(trx, types);
        throw new Error("in the middle");
      },
    };
    await expect(run([makes(1, "one"), fails, makes(3, "three")])).rejects.toThrow("in the middle");
    expect(applied()).toHaveLength(1);
    expect([hasTable("one"), hasTable("half"), hasTable("three")]).toEqual([true, false, false]);
    await run([makes(1, "one"), makes(2, "half")]);
    expect(hasTable("half")).toBe(true);
  });

  it("let an older release run beside steps that say so, and change nothing for it", async () => {
    const known = [makes(1, "one"), makes(2, "two")];
    await run([...known, { ...makes(3, "three"), oldestBeside: 2 }, { ...makes(4, "four"), oldestBeside: 2 }]);
    const before = applied();
    await run(known);
    expect(applied()).toEqual(before);
    // And forwards again.
    await run([...known, { ...makes(3, "three"), oldestBeside: 2 }, { ...makes(4, "four"), oldestBeside: 2 }]);
    expect(applied()).toEqual(before);
  });

  it("refuse an older release than the steps allow, and one beside any step that allows none", async () => {
    const known = [makes(1, "one"), makes(2, "two")];
    const refused = { code: "DATA_FORMAT_UNSUPPORTED", remedy: expect.stringContaining("or a newer one") };
    await run([...known, { ...makes(3, "three"), oldestBeside: 2 }]);
    await expect(run(known.slice(0, 1))).rejects.toMatchObject(refused);
    await run([...known, makes(3, "three"), makes(4, "four")]);
    await expect(run(known)).rejects.toMatchObject(refused);
    await expect(run([...known, makes(3, "three")])).rejects.toMatchObject(refused);
  });

  it("refuse a database with steps that this release does not know", async () => {
    await run([makes(1, "one"), makes(2, "two")]);
    await expect(run([makes(1, "one")])).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
  });
});
