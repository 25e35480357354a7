import type { Gauge, Metrics } from "../core/metrics.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { forgottenCounter } from "./forgotten.ts";
import { createRateTable } from "./rate-table.ts";
import type { RefusalReason } from "./refusals.ts";

/** What the table needs of a connection. */
export interface TableEntry {
  /** True until its first packet is complete. */
  readonly greeting: boolean;
  /** Where it comes from: see `remoteNetwork`. */
  readonly network: string;
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
   * Counts a new socket in, as unknown. When too many are, in all or of its network, the one of them that has kept its CONNECT back for longest
   * makes room: strangers that say nothing must not lock those out that do. Refuses the new one only when all of them are being authenticated.
   */
  open(entry: Entry): RefusalReason | null;
  /**
   * Its device is known: takes an older connection of the same client over, or refuses when the device has too many or connects too often.
   */
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

type TableLimits = Pick<
  EdgeLimits,
  | "unauthenticatedConnectionsMax"
  | "unauthenticatedConnectionsPerAddressMax"
  | "connectionsPerDeviceMax"
  | "connectsPerSecondPerDeviceMax"
  | "connectBurstMs"
  | "pacedDevicesMax"
>;

const NOBODY: ReadonlySet<never> = new Set<never>();

interface Claim {
  readonly key: string;
  readonly client: string;
}

export function createConnectionTable<Entry extends TableEntry>(
  limits: TableLimits,
  metrics: Metrics,
  nowMs: () => number,
): ConnectionTable<Entry> {
  const unknown = new Set<Entry>();
  const unknownOf = new Map<string, Set<Entry>>();
  const connects = createRateTable({
    perSecond: limits.connectsPerSecondPerDeviceMax,
    burst: (limits.connectsPerSecondPerDeviceMax * limits.connectBurstMs) / 1000,
    entriesMax: limits.pacedDevicesMax,
    forgotten: forgottenCounter(metrics, "device"),
    nowMs,
  });
  const claims = new Map<Entry, Claim>();
  const byKey = new Map<string, Set<Entry>>();
  const byClient = new Map<string, Entry>();
  const gauges = connectionGauges(metrics);

  function forgetUnknown(entry: Entry): void {
    unknown.delete(entry);
    const ofNetwork = unknownOf.get(entry.network);
    ofNetwork?.delete(entry);
    if (ofNetwork?.size === 0) unknownOf.delete(entry.network);
  }

  /** Null when there is room for one more, or has been made. */
  function makeRoom(
    entries: ReadonlySet<Entry>,
    entriesMax: number,
    reason: "connections-unauthenticated" | "unauthenticated-per-address",
  ): RefusalReason | null {
    if (entries.size < entriesMax) return null;
    for (const entry of entries) {
      if (!entry.greeting) continue;
      entry.end(reason);
      return null;
    }
    return reason;
  }

  function leave(entry: Entry): void {
    forgetUnknown(entry);
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
      const { network } = entry;
      const { unauthenticatedConnectionsPerAddressMax: perAddressMax, unauthenticatedConnectionsMax: max } = limits;
      const refusal =
        makeRoom(unknownOf.get(network) ?? NOBODY, perAddressMax, "unauthenticated-per-address") ??
        makeRoom(unknown, max, "connections-unauthenticated");
      if (refusal !== null) return refusal;
      unknown.add(entry);
      unknownOf.set(network, (unknownOf.get(network) ?? new Set()).add(entry));
      report();
      return null;
    },
    claim(entry, key, client) {
      if (!connects.take(key)) return "connects-per-device";
      byClient.get(client)?.end("taken-over");
      const ofDevice = byKey.get(key) ?? new Set<Entry>();
      if (ofDevice.size >= limits.connectionsPerDeviceMax) return "connections-per-device";
      forgetUnknown(entry);
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
