import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { migrate, MIGRATIONS } from "../../../registry/migrate.ts";
import { openRegistry } from "../../../registry/open-registry.ts";
import { sqliteEngine } from "../../../registry/sqlite-engine.ts";
import type { FunctionState } from "../../../core/function-store.ts";
import type { Registry } from "../../../core/registry.ts";

const clock = { now: () => 5 };
/** Of the release before this column. */
const BEFORE = MIGRATIONS.slice(0, 8);

describe("what a function has kept, where the release before deploys beside", () => {
  let directory = "";
  const path = () => join(directory, "registry.sqlite");
  const open = () => openRegistry({ path: path(), clock, secret: Buffer.alloc(32, 7), logger: silentLogger });
  const deploy = (registry: Registry, hash: string, state: FunctionState | null = null) =>
    registry.functions.deploy({ code: hash, hash, functions: [{ name: "f", kind: "stream", state }] }, "tester");
  const shape = (version: number, text: string): FunctionState => ({ version, shape: text });
  const inFile = (work: (file: DatabaseSync) => void): void => {
    const file = new DatabaseSync(path());
    work(file);
    file.close();
  };
  /** The statement that it deploys with. */
  const makeLive = (version: number): void =>
    inFile((file) => {
      const sql = "insert into functions (name, version) values ('f', ?) on conflict (name) do update set version = ?";
      file.prepare(sql).run(version, version);
    });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "millrace-kept-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("is what the version that runs keeps, whatever is noted", async () => {
    const registry = await open();
    await deploy(registry, "one", shape(1, "{n}"));
    await deploy(registry, "two", shape(2, "{m}"));
    await registry.functions.undeploy("f", "tester");
    await deploy(registry, "one", shape(1, "{n}"));
    await deploy(registry, "none");
    makeLive(2);
    await deploy(registry, "none");
    await expect(deploy(registry, "one", shape(1, "{n}"))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await registry.close();
  });

  it("lets that release start, and is unknown of what it had deployed before", async () => {
    inFile((file) => file.exec("pragma journal_mode = wal"));
    const file = new DatabaseSync(path());
    const engine = sqliteEngine(file, path());
    const run = (migrations: typeof MIGRATIONS) => migrate({ engine, clock, logger: silentLogger, migrations });
    await run(BEFORE);
    const registry = await open();
    await run(BEFORE);
    file.close();
    await deploy(registry, "one", shape(1, "{n}"));
    await deploy(registry, "none");
    inFile((of) => of.exec("update functions set state_of = null"));
    expect(await deploy(registry, "other", shape(1, "{o}"))).toMatchObject([{ version: 3, live: true }]);
    await registry.close();
  });
});
