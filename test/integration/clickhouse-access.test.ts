import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { runMillraceAsync } from "../support/instance.ts";
import { CHDB_TITLE, hasChdb, openBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import type { ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const sections = z.array(z.object({ heading: z.string(), statements: z.array(z.string()) }));

describe.skipIf(!hasChdb())(`millrace clickhouse-sql, parsed and not run ${CHDB_TITLE}`, () => {
  let bench: ClickHouseBench;
  let link: ClickHouseLink;
  beforeAll(async () => {
    bench = await openBench();
    await bench.startChdb();
    link = createClickHouseLink(() => bench.chdb().connection());
  });
  afterAll(async () => {
    await link.close();
    await bench.close();
  });

  const parse = (sql: string): Promise<unknown> =>
    link.query("SELECT formatQuery({sql:String}) AS text", z.object({ text: z.string() }), { sql });

  it.each([[[]], [["--cluster", "main"]], [["--database", "plant"]]])(
    "is all SQL to ClickHouse's parser: %j",
    async (flags) => {
      const { code, stdout } = await runMillraceAsync(["clickhouse-sql", "--json", ...flags]);
      expect(code).toBe(0);
      const statements = sections.parse(JSON.parse(stdout)).flatMap((one) => one.statements);
      expect(statements.length).toBeGreaterThan(10);
      for (const statement of statements) await expect(parse(statement), statement).resolves.toHaveLength(1);
      await expect(parse(`${statements[0]} NONSENSE`)).rejects.toMatchObject({ code: "SINK_REFUSED" });
    },
  );

  it("prints it for people, and refuses names that would need quoting", async () => {
    const { stdout } = await runMillraceAsync(["clickhouse-sql"]);
    expect(stdout).toMatch(/^-- For clickhouse-client as an administrator\.[^]*millrace_writer[^]*;\n/);
    for (const flags of [
      ["--database", "a b"],
      ["--cluster", "x'; DROP"],
    ]) {
      const refused = await runMillraceAsync(["clickhouse-sql", ...flags]);
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain("is no name for a");
    }
  });
});
