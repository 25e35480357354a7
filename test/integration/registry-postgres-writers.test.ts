import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { silentLogger } from "../../core/logger.ts";
import { type ChangeWriter, createChangeWriter } from "../../registry/change-writer.ts";
import type { RegistryEngine } from "../../registry/engine.ts";
import { type OpenRegistry, openRegistry } from "../../registry/open-registry.ts";
import { openPostgresEngine } from "../../registry/postgres/postgres-engine.ts";
import { POSTGRES_TIMEOUTS, type PostgresTimeouts } from "../../registry/postgres/postgres-pool.ts";
import { createTurns } from "../../registry/turns.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres-server.ts";

const binaries = findPostgres();
const FLUSH = { v: 1, kind: "flush", upTo: 5 } as const;

describe.skipIf(binaries === null)("several writers of a registry on PostgreSQL (needs the postgresql package)", () => {
  let server: PostgresServer;
  let database = "";
  let registry: OpenRegistry;
  const cleanups: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "", { settings: ["fsync = off"] });
  });
  afterAll(() => server?.dispose());
  beforeEach(async () => {
    database = await server.createDatabase();
    registry = await open();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function open(): Promise<OpenRegistry> {
    const url = server.url(database);
    const opened = await openRegistry({
      url,
      clock: { now: () => 5 },
      secret: Buffer.alloc(32, 7),
      logger: silentLogger,
    });
    cleanups.push(() => opened.close());
    return opened;
  }

  /** A writer with the registry's own engine, whose changes the test can hold open. */
  async function openWriter(
    timeouts: PostgresTimeouts = POSTGRES_TIMEOUTS,
  ): Promise<{ readonly write: ChangeWriter; readonly engine: RegistryEngine }> {
    const engine = await openPostgresEngine({ url: server.url(database), logger: silentLogger, timeouts });
    cleanups.push(() => engine.close());
    const nothing = () => undefined;
    const clock = { now: () => 5 };
    const write = createChangeWriter({
      engine,
      turns: createTurns(100),
      clock,
      origin: "test",
      onChange: nothing,
      onRevoked: nothing,
    });
    return { write, engine };
  }

  /** What a test holds open ends with it, also when it fails. */
  function hold() {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    cleanups.push(async () => letGo());
    return { held, letGo };
  }

  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: server.url(database) });
    client.on("error", () => undefined);
    await client.connect();
    cleanups.push(() => client.end());
    return client;
  }

  it("never let the relay pass an entry that commits later than a higher one", async () => {
    const writers = await Promise.all([openWriter(), openWriter(), openWriter()]);
    const queued: number[] = [];
    let writing = true;
    const all = Promise.all(
      writers.map(async ({ write }) => {
        for (let n = 0; n < 25; n++) {
          await write("me", async (change) => {
            queued.push(change.control(null, () => FLUSH));
            // Between taking the number and the commit: here a higher one would overtake it.
            await sleep(randomInt(4));
          });
        }
      }),
    ).finally(() => (writing = false));
    const relayed: number[] = [];
    for (let last = false; !last;) {
      last = !writing;
      const entries = await registry.controlOutbox.pending(3);
      const newest = entries.at(-1);
      if (newest !== undefined) {
        relayed.push(...entries.map(({ sequence }) => sequence));
        await registry.controlOutbox.markSent(newest.sequence);
        last = false;
      }
    }
    await all;
    expect(relayed).toEqual(queued.toSorted((a, b) => a - b));
    expect(relayed).toHaveLength(75);
  });

  it("show nothing of an open change, and make the next one wait for it", async () => {
    const [slow, quick] = [await openWriter(), await openWriter()];
    const { held, letGo } = hold();
    const { promise: begun, resolve: begin } = Promise.withResolvers<number>();
    const first = slow.write("me", async (change) => {
      begin(change.control(null, () => FLUSH));
      await held;
    });
    const firstSequence = await begun;
    let done = false;
    const second = quick
      .write("me", async (change) => change.control(null, () => FLUSH))
      .then((sequence) => {
        done = true;
        return sequence;
      });
    await waitForLock();
    expect(done).toBe(false);
    expect(await registry.controlOutbox.pending(10)).toEqual([]);
    letGo();
    await first;
    expect(await second).toBeGreaterThan(firstSequence);
    expect((await registry.controlOutbox.pending(10)).map(({ sequence }) => sequence)).toEqual([
      firstSequence,
      await second,
    ]);
  });

  it("leave reads alone, however many changes wait", async () => {
    const { write } = await openWriter();
    const { held, letGo } = hold();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const holding = write("me", async () => {
      begin();
      await held;
    });
    await begun;
    const puts = Array.from({ length: 40 }, (_, n) => registry.devices.put([{ tenant: "acme", id: `d${n}` }], "me"));
    await waitForLock();
    expect(await Promise.all(Array.from({ length: 40 }, () => registry.devices.get("acme", "d1")))).toContain(null);
    letGo();
    await Promise.all([holding, ...puts]);
    expect((await registry.devices.list({ tenant: "acme", limit: 100 })).items).toHaveLength(40);
  });

  it("run a change again that the server broke off to end a deadlock", async () => {
    await registry.devices.put([{ tenant: "acme", id: "d" }], "me");
    const { write } = await openWriter();
    const other = await connect();
    // The server looks after a second who is to blame; this one would look later, so that it is not this one.
    await other.query("set deadlock_timeout = '1min'; set search_path = millrace; begin");
    await other.query("update tenants set created_at = 7 where id = 'acme'");
    let runs = 0;
    const changing = write("me", async ({ trx, audit }) => {
      runs += 1;
      audit(`run ${runs}`, "t", "");
      await trx.updateTable("tenants").set({ created_at: 8 }).where("id", "=", "acme").execute();
      return "done";
    });
    await waitForLock();
    await other.query("update counters set value = value + 1 where name = 'sequence'");
    await other.query("commit");
    expect(await changing).toBe("done");
    expect(runs).toBe(2);
    const actions = (await registry.audit.list({ limit: 10 })).items.map(({ action }) => action);
    expect(actions).toEqual(["run 2", "device.created"]);
  });

  it("give up, to be retried later, when the lock or the server's answer does not come in time", async () => {
    const other = await connect();
    await other.query("begin; update millrace.counters set value = value where name = 'sequence'");
    const locked = await openWriter({ ...POSTGRES_TIMEOUTS, lockMs: 50 });
    await expect(locked.write("me", async () => 1)).rejects.toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    const slow = await openWriter({ ...POSTGRES_TIMEOUTS, statementMs: 50 });
    await expect(slow.write("me", async () => 1)).rejects.toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    const deaf = await openWriter({ ...POSTGRES_TIMEOUTS, answerMs: 100 });
    const asked = sql`select pg_sleep(20)`.execute(deaf.engine.db);
    await expect(asked).rejects.toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    await other.query("rollback");
    for (const { write } of [locked, slow, deaf]) expect(await write("me", async () => "goes on")).toBe("goes on");
  });

  it("lose the lock when they do nothing with it for too long, as a process that hangs", async () => {
    const { write } = await openWriter({ ...POSTGRES_TIMEOUTS, idleTransactionMs: 100 });
    const { held, letGo } = hold();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const hanging = write("me", async (change) => {
      change.audit("hung", "t", "");
      begin();
      await held;
    });
    await begun;
    await registry.devices.put([{ tenant: "acme", id: "d" }], "me");
    letGo();
    await expect(hanging).rejects.toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    expect((await registry.audit.list({ limit: 10 })).items.map(({ action }) => action)).toEqual(["device.created"]);
    expect(await write("me", async () => "goes on")).toBe("goes on");
  });

  it("refuse a read when all connections stay in use", async () => {
    const { engine } = await openWriter({ ...POSTGRES_TIMEOUTS, connectMs: 200 });
    const { held, letGo } = hold();
    const holders = Array.from({ length: 10 }, () => engine.db.connection().execute(() => held));
    const refused = engine.db.selectFrom("tenants").selectAll().execute();
    await expect(refused).rejects.toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    letGo();
    await Promise.all(holders);
    expect(await engine.db.selectFrom("tenants").selectAll().execute()).toEqual([]);
  });

  it("hear of revocations and entries also when the connection that listens is cut", async () => {
    const other = await open();
    const told: string[] = [];
    registry.onRevoked((keys) => void told.push(...keys));
    const listening = "from pg_stat_activity where datname = current_database() and query like 'listen %'";
    const listeners = async () => (await server.run(database, `select pid ${listening}`)).length;
    await vi.waitFor(async () => expect(await listeners()).toBe(2), 20_000);
    await server.run(database, `select pg_terminate_backend(pid) ${listening}`);
    await other.devices.put([{ tenant: "acme", id: "a" }], "me");
    await other.devices.remove("acme", "a", "me");
    await vi.waitFor(() => expect(told).toEqual(["acme/a"]), 20_000);
    await vi.waitFor(async () => expect(await listeners()).toBe(2), 20_000);
    await registry.controlOutbox.markSent((await registry.controlOutbox.pending(10)).at(-1)?.sequence ?? 0);
    expect(await registry.controlOutbox.pending(10)).toEqual([]);
    const woken = registry.controlOutbox.changed(3_600_000);
    await other.controlOutbox.enqueue(null, FLUSH, "me");
    await woken;
  });

  async function waitForLock(): Promise<void> {
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await vi.waitFor(async () => expect(await server.run(database, waiting)).not.toEqual([]), 20_000);
  }
});
