import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isMillraceError, type MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { MIGRATIONS } from "../../../registry/migrate.ts";
import { openRegistry } from "../../../registry/open-registry.ts";
import { openSqlite } from "../../../registry/open-sqlite.ts";

const SECRET = Buffer.alloc(32, 7);

describe("opening the registry", () => {
  let directory = "";
  const path = () => join(directory, "registry.sqlite");
  const open = (secret: Uint8Array = SECRET, file = path()) =>
    openRegistry({ path: file, clock: { now: () => 5 }, secret, logger: silentLogger });
  const refusal = async (opening: Promise<unknown>): Promise<MillraceError> => {
    const error: unknown = await opening.then(
      () => null,
      (reason: unknown) => reason,
    );
    if (isMillraceError(error)) return error;
    throw new Error("expected a MillraceError", { cause: error });
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "millrace-registry-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("makes a file that only its owner may read, and finds its content again", async () => {
    const first = await open();
    await first.devices.put([{ tenant: "acme", id: "d" }], "tester");
    const modes = await Promise.all(
      (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).mode),
    );
    expect(modes.map((mode) => mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
    await first.close();
    const second = await open();
    expect((await second.devices.get("acme", "d"))?.createdAt).toBe(5);
    await second.close();
  });

  it("answers who only reads while a hundred changes wait in line, and lets the event loop turn between them", async () => {
    const registry = await open();
    let changed = 0;
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    const changes = Array.from({ length: 100 }, async (_, index) => {
      await registry.devices.put([{ tenant: "acme", id: `d${index}` }], "tester");
      changed += 1;
    });
    expect(await registry.credentials.verify("mr_unknown")).toBeNull();
    expect(changed).toBeLessThan(100);
    await Promise.all(changes);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
    expect((await registry.devices.list({ tenant: "acme", limit: 500 })).items).toHaveLength(100);
    await registry.close();
  });

  it("writes ahead, through to the disk, and holds foreign keys", async () => {
    const database = await openSqlite(path());
    const pragma = (name: string) => Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0];
    expect(pragma("journal_mode")).toBe("wal");
    // 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
    expect(pragma("synchronous")).toBe(2);
    expect(pragma("foreign_keys")).toBe(1);
    expect(pragma("secure_delete")).toBe(1);
    expect(pragma("busy_timeout")).toBe(20);
    database.close();
  });

  it("overwrites what is removed", async () => {
    const registry = await open();
    await registry.devices.put([{ tenant: "acme", id: "d", name: "Mr Smith's pump" }], "tester");
    await registry.devices.remove("acme", "d", "tester");
    // The control record of the creation goes when it has been sent.
    for (const { sequence } of await registry.controlOutbox.pending(10))
      await registry.controlOutbox.markSent(sequence);
    await registry.close();
    expect((await readFile(path())).includes("Smith")).toBe(false);
  });

  it("sets a control record that cannot be read aside in the audit, so that those behind it reach the log", async () => {
    const registry = await open();
    await registry.devices.put([{ tenant: "acme", id: "a" }], "tester");
    await registry.devices.put([{ tenant: "acme", id: "b" }], "tester");
    await registry.devices.put([{ tenant: "acme", id: "c" }], "tester");
    const database = new DatabaseSync(path());
    const [first, second] = database.prepare("select sequence from control_outbox order by sequence").all();
    const spoil = database.prepare("update control_outbox set control = ? where sequence = ?");
    spoil.run("{", first?.["sequence"] ?? 0);
    spoil.run('{"v":9}', second?.["sequence"] ?? 0);
    database.close();
    const [left, ...others] = await registry.controlOutbox.pending(10);
    expect(left).toMatchObject({ key: "acme/c" });
    expect(others).toEqual([]);
    const { items } = await registry.audit.list({ limit: 10 });
    const kept = items.filter(({ action }) => action === "control.unreadable");
    expect(kept.map(({ target, detail }) => `${target} ${detail}`).toSorted()).toEqual(["acme/a {", 'acme/b {"v":9}']);
    await registry.controlOutbox.markSent(left?.sequence ?? 0);
    await registry.controlOutbox.drained(0);
    await registry.close();
  });

  it("stores no token, only its HMAC", async () => {
    const registry = await open();
    await registry.devices.put([{ tenant: "acme", id: "d" }], "tester");
    const token = await registry.credentials.issueDeviceToken("acme", "d", false, "tester");
    await registry.close();
    const bytes = await readFile(path());
    expect(bytes.includes(token)).toBe(false);
    expect(bytes.includes(token.slice("mr_d_".length))).toBe(false);
  });

  it("refuses another secret than the one it was made with, and one that is too short", async () => {
    await (await open()).close();
    const other = await refusal(open(Buffer.alloc(32, 8)));
    expect(other.code).toBe("CONFIG_INVALID");
    expect(other.remedy).toContain("secret");
    expect((await refusal(open(Buffer.alloc(16), join(directory, "new.sqlite")))).code).toBe("CONFIG_INVALID");
    await (await open()).close();
  });

  it("refuses what a newer release wrote, and says what to do, without touching it", async () => {
    await (await open()).close();
    const newer = new DatabaseSync(path());
    newer.exec("insert into schema_migrations (number, name, applied_at) values (999, 'from the future', 1)");
    newer.close();
    const before = await readFile(path());
    const error = await refusal(open());
    expect(error.code).toBe("DATA_FORMAT_UNSUPPORTED");
    expect(error.message).toMatch(new RegExp(`has format 999, .* up to ${MIGRATIONS.length}$`));
    expect(error.remedy).toContain("newer");
    expect((await readFile(path())).equals(before)).toBe(true);
  });

  it("refuses a file that is no database and a directory that is not there", async () => {
    await writeFile(
      path(),
      "this is a letter to my aunt, not a database, and it is long enough to have a header ".repeat(20),
    );
    expect((await refusal(open())).code).toBe("DATA_FORMAT_UNSUPPORTED");
    const nowhere = await refusal(open(SECRET, join(directory, "no", "such", "registry.sqlite")));
    expect(nowhere.code).toBe("DATA_DIRECTORY_UNWRITABLE");
    expect(nowhere.remedy).toBeDefined();
  });

  it("is opened by several at once on first start", async () => {
    const registries = await Promise.all([open(), open(), open()]);
    await Promise.all(
      registries.map((registry, n) => registry.devices.put([{ tenant: "acme", id: `d${n}` }], "tester")),
    );
    expect((await registries[0]?.devices.list({ tenant: "acme", limit: 10 }))?.items).toHaveLength(3);
    await Promise.all(registries.map((registry) => registry.close()));
  });
});
