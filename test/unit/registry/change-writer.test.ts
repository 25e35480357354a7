import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { type ChangeWriter, createChangeWriter } from "../../../registry/change-writer.ts";
import { migrate } from "../../../registry/migrate.ts";
import { sqliteEngine } from "../../../registry/sqlite-engine.ts";
import { createTurns } from "../../../registry/turns.ts";

interface Stand {
  readonly database: DatabaseSync;
  readonly write: ChangeWriter;
  readonly revoked: (readonly string[])[];
  /** How often the registry was said to have changed. */
  changes: number;
}

describe("a change", () => {
  let directory = "";
  let stands: Stand[] = [];
  let onRevoked = async (): Promise<void> => undefined;
  const openStand = async (): Promise<Stand> => {
    const path = join(directory, "r.sqlite");
    const database = new DatabaseSync(path, { timeout: 0 });
    database.exec("pragma journal_mode = wal");
    const engine = sqliteEngine(database, path);
    const clock = { now: () => 1 };
    await migrate({ engine, clock, logger: silentLogger });
    const revoked: (readonly string[])[] = [];
    const write = createChangeWriter({
      engine,
      turns: createTurns(10),
      clock,
      origin: `stand ${stands.length}`,
      onChange: () => (stand.changes += 1),
      async onRevoked(keys) {
        await onRevoked();
        revoked.push(keys);
      },
    });
    const stand: Stand = { database, revoked, write, changes: 0 };
    stands.push(stand);
    return stand;
  };
  const rows = (database: DatabaseSync, table: string) => database.prepare(`select * from ${table}`).all();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "millrace-change-"));
    stands = [];
    onRevoked = async () => undefined;
  });
  afterEach(async () => {
    for (const { database } of stands) database.close();
    await rm(directory, { recursive: true });
  });

  it("writes rows, audit and control records together and tells of revoked keys afterwards", async () => {
    const { write, database, revoked } = await openStand();
    await write("me", async (change) => {
      await change.trx.insertInto("tenants").values({ id: "t", created_at: change.at }).execute();
      change.audit("made", "t", "");
      change.control(null, () => ({ v: 1, kind: "tick" }));
      change.revoke("t/d");
      change.revoke("t/d");
      expect(revoked).toEqual([]);
    });
    expect(["tenants", "audit", "control_outbox"].map((table) => rows(database, table).length)).toEqual([1, 1, 1]);
    expect(revoked).toEqual([["t/d"]]);
    expect(rows(database, "revocations")).toMatchObject([{ key: "t/d", origin: "stand 0" }]);
  });

  it("says that there is something to relay or to revoke, and is quiet about the rest", async () => {
    const stand = await openStand();
    await stand.write("me", async (change) => change.audit("made", "t", ""));
    expect(stand.changes).toBe(0);
    await stand.write("me", async (change) => change.control(null, () => ({ v: 1, kind: "tick" })));
    await stand.write("me", async (change) => change.revoke("t/d"));
    expect(stand.changes).toBe(2);
  });

  it("keeps one revocation of each key, the newest", async () => {
    const { write, database } = await openStand();
    for (const key of ["t/a", "t/b", "t/a"]) await write("me", async (change) => change.revoke(key));
    const byKey = new Map(rows(database, "revocations").map(({ key, sequence }) => [key, Number(sequence)]));
    expect(byKey.size).toBe(2);
    expect(byKey.get("t/a")).toBeGreaterThan(byKey.get("t/b") ?? Infinity);
  });

  it("is refused when too many wait, and does not hold up those that do", async () => {
    const [first, second] = [await openStand(), await openStand()];
    first.database.exec("begin immediate");
    const waiting = Array.from({ length: 10 }, (_, n) =>
      second.write("me", async (change) => change.audit(`a${n}`, "t", "")),
    );
    await expect(second.write("me", async () => undefined)).rejects.toMatchObject({ code: "REGISTRY_IO" });
    first.database.exec("commit");
    await Promise.all(waiting);
    expect(rows(first.database, "audit")).toHaveLength(10);
  });

  it("resolves when those who were told of revoked keys have done what they do, and holds up nobody meanwhile", async () => {
    const { write, revoked } = await openStand();
    const { promise: told, resolve: goOn } = Promise.withResolvers<void>();
    onRevoked = () => told;
    const revoking = write("me", async (change) => change.revoke("t/d")).then(() => [...revoked]);
    await write("me", async (change) => change.audit("a", "t", ""));
    await delay(20);
    expect(revoked).toEqual([]);
    goOn();
    expect(await revoking).toEqual([["t/d"]]);
  });

  it("leaves nothing when something throws at its end, and gives the connection back", async () => {
    const { write, database, revoked } = await openStand();
    const before = rows(database, "counters");
    const failing = write("me", async (change) => {
      await change.trx.insertInto("tenants").values({ id: "t", created_at: 1 }).execute();
      change.audit("made", "t", "");
      change.control(null, () => ({ v: 1, kind: "tick" }));
      change.revoke("t/d");
      throw new Error("at the end");
    });
    await expect(failing).rejects.toThrow("at the end");
    expect(["tenants", "audit", "control_outbox"].map((table) => rows(database, table).length)).toEqual([0, 0, 0]);
    expect(rows(database, "counters")).toEqual(before);
    expect(revoked).toEqual([]);
    expect(await write("me", async () => "goes on")).toBe("goes on");
  });

  it("waits for another connection's write without blocking the process", async () => {
    const [first, second] = [await openStand(), await openStand()];
    first.database.exec("begin immediate");
    let done = false;
    const waiting = second.write("me", async (change) => change.audit("a", "t", "")).then(() => void (done = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(done).toBe(false);
    first.database.exec("commit");
    await waiting;
    expect(rows(first.database, "audit")).toHaveLength(1);
  });

  it("gives out numbers that grow over changes and connections", async () => {
    const [first, second] = [await openStand(), await openStand()];
    const numbers: number[] = [];
    for (const { write } of [first, second, first]) {
      await write("me", async (change) => void numbers.push(change.nextSequence(), change.nextSequence()));
    }
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  });
});
