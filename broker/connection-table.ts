import type { Gauge, Metrics } from "../core/metrics.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { RefusalReason } from "./refusals.ts";

/** What the table needs of a connection. */
export interface TableEntry {
  /** True until its first packet is complete. */
  readonly greeting: boolean;
  end(reason: RefusalReason): void;
}

/** What the broker needs of an entry besides. */
export interface EdgeEntry extends TableEntry {
  /** Takes no more, and ends as soon as all that was taken is acknowledged. */
  drain(): void;
  /** Resolves when the log has answered for all that was taken. */
  settled(): Promise<void>;
}

/**
 * Who is connected. A client is named by its credential's device and the client id that it chose, so nobody can name, and so
 * take over, a client of another device.
 */
export interface ConnectionTable<Entry extends TableEntry> {
  /**
   * Counts a new socket in, as unknown. When too many are, the one that has kept its CONNECT back for longest makes room: strangers
   * that say nothing must not lock those out that do. Refuses the new one only when all of them are being authenticated.
   */
  open(entry: Entry): RefusalReason | null;
  /** Its device is known: takes an older connection of the same client over, or refuses when the device has too many. */
  claim(entry: Entry, key: string, client: string): RefusalReason | null;
  /** The socket is gone, or the connection has been ended. Safe to repeat. */
  leave(entry: Entry): void;
  ofKeys(keys: readonly string[]): readonly Entry[];
  /** By `tenant/device/client id`. */
  ofClient(client: string): Entry | undefined;
  all(): readonly Entry[];
  /** Connections whose device is known. */
  readonly size: number;
}

interface Claim {
  readonly key: string;
  readonly client: string;
}

export function createConnectionTable<Entry extends TableEntry>(
  limits: Pick<EdgeLimits, "unauthenticatedConnectionsMax" | "connectionsPerDeviceMax">,
  metrics: Metrics,
): ConnectionTable<Entry> {
  const unknown = new Set<Entry>();
  const claims = new Map<Entry, Claim>();
  const byKey = new Map<string, Set<Entry>>();
  const byClient = new Map<string, Entry>();
  const gauges = connectionGauges(metrics);

  function leave(entry: Entry): void {
    unknown.delete(entry);
    const claim = claims.get(entry);
    if (claim !== undefined) {
      claims.delete(entry);
      const ofDevice = byKey.get(claim.key);
      ofDevice?.delete(entry);
      if (ofDevice?.size === 0) byKey.delete(claim.key);
      if (byClient.get(claim.client) === entry) byClient.delete(claim.client);
    }
    report();
  }

  function report(): void {
    gauges.unknown.set(unknown.size);
    gauges.known.set(claims.size);
  }

  return {
    open(entry) {
      if (unknown.size >= limits.unauthenticatedConnectionsMax) {
        const longest = [...unknown].find(({ greeting }) => greeting);
        if (longest === undefined) return "connections-unauthenticated";
        longest.end("connections-unauthenticated");
      }
      unknown.add(entry);
      report();
      return null;
    },
    claim(entry, key, client) {
      byClient.get(client)?.end("taken-over");
      const ofDevice = byKey.get(key) ?? new Set<Entry>();
      if (ofDevice.size >= limits.connectionsPerDeviceMax) return "connections-per-device";
      unknown.delete(entry);
      claims.set(entry, { key, client });
      byKey.set(key, ofDevice.add(entry));
      byClient.set(client, entry);
      report();
      return null;
    },
    leave,
    ofKeys: (keys) => keys.flatMap((key) => [...(byKey.get(key) ?? [])]),
    ofClient: (client) => byClient.get(client),
    all: () => [...unknown, ...claims.keys()],
    get size() {
      return claims.size;
    },
  };
}

function connectionGauges(metrics: Metrics): { known: Gauge; unknown: Gauge } {
  const gauge = (authenticated: "yes" | "no") =>
    metrics.gauge("millrace_mqtt_connections", "Open connections.", { authenticated });
  return { known: gauge("yes"), unknown: gauge("no") };
}
