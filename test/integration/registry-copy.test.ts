import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { checkRegistrySource, checkRegistryTarget, copyRegistry, finishCopy } from "../../registry/copy-registry.ts";
import { openRegistry } from "../../registry/open-registry.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { findPostgres, startPostgres, type PostgresServer } from "../support/postgres-server.ts";

const binaries = findPostgres();
const SECRET = Buffer.alloc(32, 7);
const parts = { clock: systemClock, logger: silentLogger };
const DEVICES = 1234;

describe.skipIf(binaries === null)("a registry that moves to PostgreSQL (needs the postgresql package)", () => {
  let server: PostgresServer;
  let directory: ReturnType<typeof temporaryDirectory>;
  let path: string;
  let token: string;

  beforeAll(async () => {
    server = await startPostgres(binaries ?? "", { settings: ["fsync = off"] });
  });
  afterAll(() => server?.dispose());
  beforeEach(async () => {
    directory = temporaryDirectory();
    path = join(directory.path, "registry.sqlite");
    const registry = await openRegistry({ ...parts, path, secret: SECRET });
    const devices = Array.from({ length: DEVICES }, (_, n) => ({
      tenant: "default",
      id: `d${n}`,
      name: `Ofen ${n} „ß"`,
      labels: { hall: `${n % 3}` },
    }));
    await registry.devices.put(devices, "test");
    token = await registry.credentials.issueDeviceToken("default", "d7", false, "test");
    await registry.close();
  });
  afterEach(() => directory.dispose());

  it("is there with all its rows, and lets the same tokens in", async () => {
    const url = server.url(await server.createDatabase());
    const copied = await copyRegistry({ ...parts, path, url });
    expect(copied.filter(({ rows, copied: count, equal }) => !equal || rows !== count)).toEqual([]);
    expect(copied.find(({ table }) => table === "devices")?.copied).toBe(DEVICES);
    const registry = await openRegistry({ ...parts, url, secret: SECRET });
    try {
      expect(await registry.credentials.verify(token)).toMatchObject({ id: "d7" });
      expect((await registry.devices.get("default", "d8"))?.name).toBe('Ofen 8 „ß"');
    } finally {
      await registry.close();
    }
    // As after a move that was broken off behind it: what was changed there since is gone, and what was changed here has come.
    const here = await openRegistry({ ...parts, path, secret: SECRET });
    await here.touch(new Map([["default/d7", 1234]]));
    await here.close();
    const again = await copyRegistry({ ...parts, path, url });
    expect(again.filter(({ equal }) => !equal)).toEqual([]);
    const moved = await openRegistry({ ...parts, url, secret: SECRET });
    expect(await moved.devices.get("default", "d7")).toMatchObject({ lastSeen: 1234 });
    await moved.close();
  });

  it("is nobody's to copy over when the move is over", async () => {
    const url = server.url(await server.createDatabase());
    await copyRegistry({ ...parts, path, url });
    await checkRegistryTarget({ ...parts, url });
    await finishCopy({ ...parts, url });
    await expect(checkRegistryTarget({ ...parts, url })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(copyRegistry({ ...parts, path, url })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  });

  it("is told from none, and from another installation's, before anything is done", () => {
    expect(() => checkRegistrySource(path, SECRET)).not.toThrow();
    expect(() => checkRegistrySource(path, Buffer.alloc(32, 8))).toThrow(/secret is not the one/);
    expect(() => checkRegistrySource(join(directory.path, "none.sqlite"), SECRET)).toThrow(/no registry in/);
    expect(existsSync(join(directory.path, "none.sqlite"))).toBe(false);
  });

  it("is refused where another one is, which stays", async () => {
    const url = server.url(await server.createDatabase());
    const other = await openRegistry({ ...parts, url, secret: Buffer.alloc(32, 8) });
    await other.devices.put([{ tenant: "default", id: "theirs" }], "test");
    await other.close();
    await expect(copyRegistry({ ...parts, path, url })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    const again = await openRegistry({ ...parts, url, secret: Buffer.alloc(32, 8) });
    expect(await again.devices.get("default", "theirs")).not.toBeNull();
    await again.close();
  });
});
