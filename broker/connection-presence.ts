import type { ConnectedDevice } from "./connected-device.ts";
import type { DeviceAsks } from "./device-asks.ts";
import type { GatewayLink } from "./gateway-link.ts";
import type { RefusalReason } from "./refusals.ts";

export interface PresenceOptions {
  readonly link: GatewayLink;
  readonly asks: DeviceAsks;
  readonly filtersMax: number;
}

/** What other gateways are told of one connection: its client, its subscriptions. */
export interface ConnectionPresence {
  /** Resolves when no other gateway serves the client any more. Null when there is nobody to wait for. */
  readonly alone: Promise<void> | null;
  /** Null when it may subscribe to this filter too. */
  subscribe(filter: string): RefusalReason | null;
  unsubscribe(filters: readonly string[]): void;
  /** The connection is over. */
  end(): void;
}

/** A client whose id the edge made has no other connection: nobody is told of it. */
export function createConnectionPresence(device: ConnectedDevice, options: PresenceOptions): ConnectionPresence {
  const { key, acl } = device;
  const { link, asks, filtersMax } = options;
  const claim = device.named ? link.claim(device.client) : null;
  const filters = new Set<string>();
  let asking = false;

  /** ThingsBoard's firmware subscribes with every connect, to topics on which nothing is ever routed: others need not know. */
  function tellFilters(): void {
    const asksNow = [...filters].some((filter) => acl.reachesOwn(filter));
    if (asksNow === asking) return;
    asking = asksNow;
    if (asking) asks.begin(key);
    else asks.cease(key);
  }

  return {
    alone: claim === null ? null : claim.heard,
    subscribe(filter) {
      if (!acl.maySubscribe(filter)) return "subscribe-filter";
      filters.add(filter);
      if (filters.size > filtersMax) return "filters-per-connection";
      tellFilters();
      return null;
    },
    unsubscribe(gone) {
      for (const filter of gone) filters.delete(filter);
      tellFilters();
    },
    end() {
      claim?.end();
      filters.clear();
      tellFilters();
    },
  };
}
