import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isMillraceError, type MillraceError } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { MIGRATIONS } from "../../registry/migrate.ts";
import { openRegistry } from "../../registry/open-registry.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres-server.ts";

const binaries = findPostgres();
const PASSWORD = "s3cret-and-long";

describe.skipIf(binaries === null)("the registry's start on PostgreSQL (needs the postgresql package)", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "", { settings: ["fsync = off"] });
    await server.run("postgres", `create role guarded login password '${PASSWORD}'`);
  });
  afterAll(() => server?.dispose());

  const open = (url: string) =>
    openRegistry({ url, clock: { now: () => 5 }, secret: Buffer.alloc(32, 7), logger: silentLogger });
  const refusal = async (url: string): Promise<MillraceError> => {
    const error: unknown = await open(url).then(
      (registry) => registry.close(),
      (reason: unknown) => reason,
    );
    if (!isMillraceError(error)) throw new Error("expected a MillraceError", { cause: error });
    expect(`${error.message} ${error.remedy}`).not.toContain(PASSWORD);
    expect(error.message).not.toContain("\n");
    expect(error.remedy).toMatch(/\.$/);
    return error;
  };

  it("makes the tables once when several processes start at the same moment", async () => {
    const database = await server.createDatabase();
    const registries = await Promise.all(Array.from({ length: 5 }, () => open(server.url(database))));
    const applied = await server.run(database, "select number from millrace.schema_migrations order by number");
    expect(applied.map(({ number }) => Number(number))).toEqual(MIGRATIONS.map(({ number }) => number));
    await Promise.all(
      registries.map((registry, n) => registry.devices.put([{ tenant: "acme", id: `d${n}` }], "tester")),
    );
    expect((await registries[0]?.devices.list({ tenant: "acme", limit: 10 }))?.items).toHaveLength(5);
    await Promise.all(registries.map((registry) => registry.close()));
  });

  it("compares ids byte by byte whatever the database's locale, and leaves tables of others alone", async () => {
    const database = await server.createDatabase(
      "encoding 'UTF8' locale_provider icu icu_locale 'en' lc_collate 'C' lc_ctype 'C' template template0",
    );
    await server.run(database, "create table devices (mine text); create table schema_migrations (version text)");
    const registry = await open(server.url(database));
    await registry.devices.put(
      ["b", "a", "B", "A", "_", "a-1", "a1"].map((id) => ({ tenant: "acme", id })),
      "tester",
    );
    const { items } = await registry.devices.list({ tenant: "acme", limit: 10 });
    expect(items.map(({ id }) => id)).toEqual(["A", "B", "_", "a", "a-1", "a1", "b"]);
    await registry.close();
  });

  it("refuses what a newer release wrote", async () => {
    const url = server.url(await server.createDatabase());
    await (await open(url)).close();
    const database = new URL(url).pathname.slice(1);
    await server.run(database, "insert into millrace.schema_migrations values (999, 'from the future', 1)");
    expect(await refusal(url)).toMatchObject({
      code: "DATA_FORMAT_UNSUPPORTED",
      message: `the registry has format 999, and this release knows formats up to ${MIGRATIONS.length}`,
    });
  });

  it("refuses a server that is not there, a wrong password, another database and a role without rights", async () => {
    const database = await server.createDatabase();
    const nobody = await refusal(`postgres://guarded:${PASSWORD}@127.0.0.1:1/registry`);
    expect(nobody).toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    expect(nobody.message).toContain("postgres://127.0.0.1:1/registry");
    const wrong = await refusal(server.url(database, `guarded:${PASSWORD}-not`));
    expect(wrong).toMatchObject({ code: "CONFIG_INVALID", retry: "never" });
    expect(await refusal(server.url("no_such_database", `guarded:${PASSWORD}`))).toMatchObject({
      code: "CONFIG_INVALID",
    });
    const rights = await refusal(server.url(database, `guarded:${PASSWORD}`));
    expect(rights).toMatchObject({ code: "CONFIG_INVALID" });
    expect(rights.remedy).toContain("docs/operating.md");
  });

  it("refuses a role that has no connection left, for now", async () => {
    const database = await server.createDatabase();
    await server.run("postgres", "create role limited superuser login connection limit 0");
    await server.run("postgres", "alter role limited nosuperuser");
    expect(await refusal(server.url(database, "limited"))).toMatchObject({ code: "REGISTRY_IO", retry: "later" });
  });

  it("refuses another encoding", async () => {
    const database = await server.createDatabase("encoding 'LATIN1' locale 'C' template template0");
    expect(await refusal(server.url(database))).toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("lets an instance start that has no registry file, and be ready", { timeout: 60_000 }, async () => {
    const { path, dispose } = temporaryDirectory();
    const environment = { MILLRACE_DATABASE_URL: server.url(await server.createDatabase()) };
    try {
      const instance = await startInstance({ data: path, flags: ["--no-clickhouse"], environment });
      const reasons = async (): Promise<string> => (await fetch(`${instance.httpUrl}/readyz`)).text();
      await expect.poll(reasons, { timeout: 20_000 }).toContain('"ready":true');
      await instance.stop();
    } finally {
      dispose();
    }
  });

  it("needs no more rights than docs/operating.md gives", async () => {
    const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");
    const [owner = "", user = ""] = [...page.matchAll(/```sql\n([^`]+)```/g)].map(([, block]) => block);
    const psql = (script: string) => {
      const flags = ["-v", "ON_ERROR_STOP=1", "-q", "-d", server.url("postgres")];
      const { status, stderr } = spawnSync(join(binaries ?? "", "psql"), flags, { input: script, encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    };
    psql(owner);
    const first = await open(server.url("millrace", "millrace:change-me"));
    await first.devices.put([{ tenant: "acme", id: "d" }], "tester");
    await first.close();
    psql(`\\connect millrace\n${user}`);
    const second = await open(server.url("millrace", "millrace_user:change-me-too"));
    await second.devices.remove("acme", "d", "tester");
    expect(await second.controlOutbox.pending(10)).toHaveLength(2);
    await second.close();
    const own = await server.run(
      "millrace",
      "select rolsuper or rolcreatedb or rolcreaterole as much from pg_roles where rolname like 'millrace%'",
    );
    expect(own.map(({ much }) => much)).toEqual([false, false]);
  });
});
