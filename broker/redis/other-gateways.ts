/** Who else is there, and of which devices each asks for messages. Gateways are named by their session. */
export interface OtherGateways {
  /** It has spoken: true when it was not known, and there is room for it. */
  heard(gateway: string, nowMs: number): boolean;
  /** How many of those that began there is no room for. */
  asks(gateway: string, began: readonly string[], ceased: readonly string[]): number;
  /** Empty when nobody asks for this device (`tenant/device`). */
  askersOf(key: string): ReadonlySet<string>;
  forget(gateway: string): void;
  /** Forgets those that have not spoken since. */
  forgetSilent(sinceMs: number): void;
  clear(): void;
  readonly size: number;
}

interface Gateway {
  heardAt: number;
  readonly keys: Set<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** More gateways than `gatewaysMax`, and more devices of one than `devicesMax`, are not remembered: they get no messages from here. */
export function createOtherGateways(gatewaysMax: number, devicesMax: number): OtherGateways {
  const gateways = new Map<string, Gateway>();
  const askers = new Map<string, Set<string>>();

  function cease(name: string, gateway: Gateway, key: string): void {
    if (!gateway.keys.delete(key)) return;
    const ofKey = askers.get(key);
    ofKey?.delete(name);
    if (ofKey?.size === 0) askers.delete(key);
  }

  function forget(name: string): void {
    const gateway = gateways.get(name);
    if (gateway === undefined) return;
    for (const key of gateway.keys) cease(name, gateway, key);
    gateways.delete(name);
  }

  return {
    heard(name, nowMs) {
      const known = gateways.get(name);
      if (known !== undefined) known.heardAt = nowMs;
      else if (gateways.size < gatewaysMax) gateways.set(name, { heardAt: nowMs, keys: new Set() });
      return known === undefined && gateways.has(name);
    },
    asks(name, began, ceased) {
      const gateway = gateways.get(name);
      if (gateway === undefined) return began.length;
      for (const key of ceased) cease(name, gateway, key);
      for (const [index, key] of began.entries()) {
        if (gateway.keys.size >= devicesMax) return began.length - index;
        gateway.keys.add(key);
        const ofKey = askers.get(key) ?? new Set();
        askers.set(key, ofKey.add(name));
      }
      return 0;
    },
    askersOf: (key) => askers.get(key) ?? NOBODY,
    forget,
    forgetSilent(sinceMs) {
      for (const [name, { heardAt }] of gateways) if (heardAt < sinceMs) forget(name);
    },
    clear() {
      gateways.clear();
      askers.clear();
    },
    get size() {
      return gateways.size;
    },
  };
}
