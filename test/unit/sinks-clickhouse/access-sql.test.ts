import { describe, expect, it } from "vitest";
import { accessSql, tablesSql } from "../../../sinks/clickhouse/access/access-sql.ts";
import { replicated } from "../../../sinks/clickhouse/access/replicated.ts";
import { TABLES } from "../../../sinks/clickhouse/migrations/migrations.ts";

const statements = (cluster?: string): readonly string[] =>
  accessSql({ database: "plant", ...(cluster === undefined ? {} : { cluster }) }).flatMap((one) => one.statements);

describe("the SQL for a ClickHouse server", () => {
  it("gives the writer what it needs on its database, and nothing else to anybody", () => {
    const grants = statements().filter((one) => one.startsWith("GRANT"));
    expect(grants[0]).toBe(
      "GRANT SELECT, INSERT, CREATE TABLE, ALTER DELETE, ALTER TTL, ALTER SETTINGS ON plant.* TO plant_writer",
    );
    expect(grants.slice(1).every((one) => /^GRANT SELECT ON plant\.\w+ TO plant_reader$/.test(one))).toBe(true);
    expect(grants.join()).not.toMatch(/quarantine|dead_letters|database_owner/);
  });

  it("bounds the reader so that no setting of its own lifts a limit, and closes all other sources", () => {
    const profile = statements().find((one) => one.includes("reader_profile")) ?? "";
    expect(profile).toContain("readonly = 2 CONST");
    for (const setting of ["max_execution_time", "max_result_rows", "max_rows_to_read", "max_memory_usage"]) {
      // 0 would mean no limit.
      expect(profile).toMatch(new RegExp(`${setting} = (\\d+) MIN 1 MAX \\1`));
    }
    expect(statements().at(-1)).toBe(
      "REVOKE SOURCES, CREATE TEMPORARY TABLE, CREATE FUNCTION ON *.* FROM plant_reader",
    );
  });

  it("has a replicated form of every table and book, and says everything on the cluster", () => {
    const tables = tablesSql("plant", "main");
    for (const table of [...TABLES, "schema_migrations", "database_identity", "database_owner"]) {
      const own = tables.filter((one) =>
        one.startsWith(`CREATE TABLE IF NOT EXISTS plant.${table} ON CLUSTER 'main' `),
      );
      expect(own, table).toHaveLength(1);
    }
    const all = tables.join("\n");
    expect(all).not.toMatch(/ENGINE = (Replacing)?MergeTree|non_replicated/);
    expect(all).toContain(
      "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', count)",
    );
    const merged = tables.filter((one) => one.includes("merge_selector_base = 10"));
    expect(merged.map((one) => /plant\.(\w+)/.exec(one)?.[1])).toEqual(["readings", "rollup_minutes"]);
    for (const one of statements("main")) expect(one).toMatch(/ ON CLUSTER 'main'/);
  });

  it("refuses a statement of which it knows no replicated form", () => {
    expect(() => replicated("CREATE TABLE IF NOT EXISTS x (y UInt8) ENGINE = Log", "plant", "main")).toThrow(
      RangeError,
    );
  });
});
