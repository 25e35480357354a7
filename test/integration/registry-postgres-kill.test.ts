import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { createChangeWriter } from "../../registry/change-writer.ts";
import { openRegistry } from "../../registry/open-registry.ts";
import { openPostgresEngine } from "../../registry/postgres/postgres-engine.ts";
import { createTurns } from "../../registry/turns.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres-server.ts";

const binaries = findPostgres();
const PARTS = ["a", "b", "c"];
const KILLS = 3;

describe.skipIf(binaries === null)("kill -9 of PostgreSQL (needs the postgresql package)", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "");
  });
  afterAll(() => server?.dispose());

  it("loses nothing that was acknowledged, leaves nothing half written, and the open registry goes on", async () => {
    const url = server.url(await server.createDatabase());
    const options = { url, clock: { now: () => 5 }, secret: Buffer.alloc(32, 7), logger: silentLogger };
    const registry = await openRegistry(options);
    const acknowledged: number[] = [];
    const failures: unknown[] = [];
    let stopped = false;
    const writer = async (first: number): Promise<void> => {
      for (let n = first; !stopped; n++) {
        try {
          await registry.devices.put(
            PARTS.map((part) => ({ tenant: "acme", id: `d${n}${part}` })),
            "writer",
          );
          acknowledged.push(n);
        } catch (error) {
          failures.push(error);
          await sleep(20);
        }
      }
    };
    const writers = [0, 1_000_000].map(writer);
    const untilWritten = async (count: number): Promise<void> => {
      const from = acknowledged.length;
      while (acknowledged.length < from + count) await sleep(5);
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await untilWritten(20 + kill * 7);
      const failedBefore = failures.length;
      await server.kill();
      while (failures.length === failedBefore) await sleep(5);
      await server.start();
      await untilWritten(5);
    }
    stopped = true;
    await Promise.all(writers);
    // Whatever came over the socket, the callers saw an error that says: try again.
    for (const error of failures) {
      expect(isMillraceError(error) && error.retry).toBe("later");
    }
    await registry.close();

    const again = await openRegistry(options);
    const ids = new Set<string>();
    for (let after: string | null | undefined; after !== null;) {
      const page = await again.devices.list({ tenant: "acme", limit: 1000, ...(after === undefined ? {} : { after }) });
      for (const { id } of page.items) ids.add(id);
      after = page.next;
    }
    for (const n of acknowledged) for (const part of PARTS) expect(ids).toContain(`d${n}${part}`);
    expect(ids.size % PARTS.length).toBe(0);
    // Each device has its control record: they were one transaction.
    expect(await again.controlOutbox.pending(1_000_000)).toHaveLength(ids.size);
    await again.close();
  });

  it("leaves nothing of a change that had written all its rows and was about to commit", async () => {
    const url = server.url(await server.createDatabase());
    const options = { url, clock: { now: () => 5 }, secret: Buffer.alloc(32, 7), logger: silentLogger };
    await (await openRegistry(options)).close();
    const engine = await openPostgresEngine({ url, logger: silentLogger });
    const nothing = () => undefined;
    const write = createChangeWriter({
      engine: {
        db: engine.db,
        // The last statement before the commit.
        async announce(trx) {
          await engine.announce(trx);
          await server.kill();
        },
      },
      turns: createTurns(1),
      clock: options.clock,
      origin: "test",
      onChange: nothing,
      onRevoked: nothing,
    });
    const changing = write("me", async (change) => {
      await change.trx.insertInto("tenants").values({ id: "t", created_at: 1 }).execute();
      change.audit("made", "t", "");
      change.control(null, () => ({ v: 1, kind: "tick" }));
      change.revoke("t/d");
    });
    await expect(changing).rejects.toMatchObject({ code: "REGISTRY_IO", retry: "later" });
    await server.start();
    for (const table of ["tenants", "audit", "control_outbox", "revocations"] as const) {
      expect(await engine.db.selectFrom(table).selectAll().execute()).toEqual([]);
    }
    await engine.close();
  });
});
