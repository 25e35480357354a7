import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import {
  CHDB_TITLE,
  hasChdb,
  openBench,
  until,
  type ClickHouseBench,
} from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const MODULE = fileURLToPath(new URL("../../sinks/clickhouse/chdb/chdb-process.ts", import.meta.url));
const one = z.object({ one: z.number() });

let bench: ClickHouseBench;
const parents: ChildProcess[] = [];

/** Another process that runs the embedded ClickHouse on the bench's folder. */
async function startParent(): Promise<{ readonly parent: ChildProcess; readonly serverPid: number }> {
  const program = `
    import { createChdbProcess } from ${JSON.stringify(MODULE)};
    const say = () => undefined;
    const chdb = createChdbProcess({ path: ${JSON.stringify(join(bench.directory, "clickhouse"))}, environment: process.env,
      clock: Date, logger: { debug: say, info: say, warn: say, error: say }, onFault: say });
    await chdb.start();
    console.log(chdb.pid());
    setInterval(say, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  parents.push(parent);
  const [line] = await once(createInterface(parent.stdout), "line");
  return { parent, serverPid: Number(line) };
}

async function killParent(parent: ChildProcess): Promise<void> {
  const exited = once(parent, "exit");
  parent.kill("SIGKILL");
  await exited;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the embedded ClickHouse without its package", () => {
  it("refuses to start with CHDB_MISSING and says what to do", async () => {
    const common = { environment: process.env, clock: systemClock, logger: silentLogger, onFault: () => undefined };
    const chdb = createChdbProcess({ path: "/nowhere", packageName: "chdb-that-nobody-installed", ...common });
    await expect(chdb.start()).rejects.toMatchObject({
      code: "CHDB_MISSING",
      remedy: expect.stringContaining("npm install chdb"),
    });
    expect(chdb.notReadyReasons()).toHaveLength(1);
  });
});

describe.skipIf(!hasChdb())(`the embedded ClickHouse ${CHDB_TITLE}`, () => {
  beforeEach(async () => {
    bench = await openBench();
  });
  afterEach(async () => {
    for (const parent of parents.splice(0))
      if (parent.exitCode === null && parent.signalCode === null) await killParent(parent);
    await bench.close();
  });

  it("serves queries, and ends when it is stopped", async () => {
    const chdb = await bench.startChdb();
    const pid = chdb.pid() ?? 0;
    expect(chdb.notReadyReasons()).toEqual([]);
    const link = createClickHouseLink(() => chdb.connection());
    expect(await link.query("SELECT 1 AS one", one)).toEqual([{ one: 1 }]);
    await link.close();
    await bench.stop(chdb);
    expect(isAlive(pid)).toBe(false);
    expect(chdb.connection()).toBeNull();
    expect(chdb.notReadyReasons()).toHaveLength(1);
  });

  it("lets nobody in without the password of this start", async () => {
    const chdb = await bench.startChdb();
    const connection = chdb.connection();
    if (connection === null) throw new Error("it does not serve");
    const stranger = createClickHouseLink({ ...connection, password: "guess" });
    await expect(stranger.query("SELECT 1 AS one", one)).rejects.toMatchObject({ code: "SINK_UNAVAILABLE" });
    await stranger.close();
    expect((await fetch(`${connection.url}/?query=SELECT+1`)).status).toBe(403);
  });

  it("binds values as values, whatever stands in them", async () => {
    const chdb = await bench.startChdb();
    const link = createClickHouseLink(() => chdb.connection());
    const row = z.object({ text: z.string(), number: z.number() });
    for (const text of [
      "",
      "plain",
      "o'clock",
      "a\\'; DROP TABLE x --",
      "tab\there\nnew line\\n",
      "{n:String}",
      "Grüße 😀",
      "\\N\\",
    ]) {
      const rows = await link.query("SELECT {text:String} AS text, {number:Int64} AS number", row, {
        text,
        number: -5,
      });
      expect(rows).toEqual([{ text, number: -5 }]);
    }
    await link.close();
  });

  it("answers a refused statement with SINK_REFUSED and lives on", async () => {
    const chdb = await bench.startChdb();
    const link = createClickHouseLink(() => chdb.connection());
    await expect(link.command("SELECT nothing FROM system.one")).rejects.toMatchObject({
      code: "SINK_REFUSED",
      retry: "never",
    });
    expect(await link.query("SELECT 1 AS one", one)).toHaveLength(1);
    await link.close();
  });

  it("comes back by itself at another address after it was killed", async () => {
    const chdb = await bench.startChdb();
    const [pid, before] = [chdb.pid() ?? 0, chdb.connection()];
    process.kill(pid, "SIGKILL");
    await until("it is noticed", () => chdb.connection()?.password !== before?.password);
    await until("it serves again", () => chdb.connection() !== null);
    expect(bench.faults).toEqual(["clickhouse-server raised", "clickhouse-server cleared"]);
    const link = createClickHouseLink(() => chdb.connection());
    expect(await link.query("SELECT 1 AS one", one)).toHaveLength(1);
    await link.close();
  });

  it("ends with its parent, even when that one is killed", async () => {
    const { parent, serverPid } = await startParent();
    expect(isAlive(serverPid)).toBe(true);
    await killParent(parent);
    await until("it ended", () => !isAlive(serverPid), 5000);
  });

  it("takes over from a server that outlived its parent because it was stopped", async () => {
    const { parent, serverPid } = await startParent();
    process.kill(serverPid, "SIGSTOP");
    await killParent(parent);
    await sleep(100);
    expect(isAlive(serverPid)).toBe(true);
    const chdb = await bench.startChdb();
    expect(chdb.connection()).not.toBeNull();
    await until("the old one ended", () => !isAlive(serverPid), 5000);
  });

  it("refuses a folder that another instance has open, and leaves that one alone", async () => {
    const { serverPid } = await startParent();
    await expect(bench.startChdb()).rejects.toMatchObject({ code: "DATA_DIRECTORY_LOCKED" });
    expect(isAlive(serverPid)).toBe(true);
  });
});
