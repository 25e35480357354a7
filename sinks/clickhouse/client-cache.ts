import { MillraceError } from "../../core/errors.ts";
import type { ClickHouseConnection, ConnectionSource } from "./clickhouse-connection.ts";

interface Closable {
  close(): Promise<void>;
}

/** The client of where ClickHouse is now. */
export interface ClientCache<Client> {
  /** SINK_UNAVAILABLE while ClickHouse is nowhere; else what the source rejects with. */
  current(): Promise<Client>;
  close(): Promise<void>;
}

/** One client per address and password: the embedded ClickHouse has others after each restart. */
export function createClientCache<Client extends Closable>(
  source: ConnectionSource,
  makeClient: (connection: ClickHouseConnection) => Client,
): ClientCache<Client> {
  let known: { readonly key: string; readonly client: Client } | null = null;
  return {
    async current() {
      const connection = typeof source === "function" ? await source() : source;
      if (connection === null) {
        throw new MillraceError("SINK_UNAVAILABLE", "ClickHouse is not up", {
          remedy: "It is restarted by itself; see /readyz.",
        });
      }
      const key = JSON.stringify(connection);
      if (known?.key === key) return known.client;
      const former = known;
      // Before the next await: who asks meanwhile gets the same client.
      const client = makeClient(connection);
      known = { key, client };
      await former?.client.close();
      return client;
    },
    async close() {
      const last = known;
      known = null;
      await last?.client.close();
    },
  };
}
