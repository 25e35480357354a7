import { describe, expect, it } from "vitest";
import { createClientCache } from "../../../sinks/clickhouse/client-cache.ts";
import type { ClickHouseConnection } from "../../../sinks/clickhouse/clickhouse-connection.ts";

const FIRST: ClickHouseConnection = {
  url: "http://127.0.0.1:1",
  username: "u",
  password: "p",
  database: "d",
  place: "server",
};

/** A server that can be moved, and the clients made for it. */
function movingServer() {
  const made: { readonly connection: ClickHouseConnection; closed: boolean }[] = [];
  const server = { at: FIRST as ClickHouseConnection | null };
  const cache = createClientCache(
    async () => server.at,
    (connection) => {
      const client = {
        connection,
        closed: false,
        async close() {
          client.closed = true;
        },
      };
      made.push(client);
      return client;
    },
  );
  return { server, made, cache };
}

describe("the client cache", () => {
  it("makes one client for callers that ask at once, before and after a restart", async () => {
    const { server, made, cache } = movingServer();
    const askTogether = () => Promise.all([cache.current(), cache.current(), cache.current()]);
    const before = await askTogether();
    server.at = { ...FIRST, url: "http://127.0.0.1:2" };
    const after = await askTogether();
    expect(new Set(before).size).toBe(1);
    expect(new Set(after).size).toBe(1);
    expect(made.map(({ connection, closed }) => [connection.url, closed])).toEqual([
      ["http://127.0.0.1:1", true],
      ["http://127.0.0.1:2", false],
    ]);
  });

  it("makes a new one for another password at the same address", async () => {
    const { server, cache } = movingServer();
    await cache.current();
    server.at = { ...FIRST, password: "another" };
    expect((await cache.current()).connection.password).toBe("another");
  });

  it("says that ClickHouse is not up while it is nowhere", async () => {
    const { server, cache } = movingServer();
    server.at = null;
    await expect(cache.current()).rejects.toMatchObject({ code: "SINK_UNAVAILABLE" });
    server.at = FIRST;
    await expect(cache.current()).resolves.toMatchObject({ closed: false });
  });

  it("closes what it has", async () => {
    const { made, cache } = movingServer();
    await cache.close();
    await cache.current();
    await cache.close();
    expect(made.map(({ closed }) => closed)).toEqual([true]);
  });
});
