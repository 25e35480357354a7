import type { Conflation } from "./conflation.ts";

/** One browser, as the feed sees it. */
export interface Watcher {
  readonly tenant: string;
  readonly pending: Conflation;
  /** Sends what is pending: now, or as soon as its pace and its socket allow. */
  schedule(): void;
}

/** Who wants what. Keys carry the tenant, so that nobody can be found under another tenant's device. */
export class Watchers {
  readonly overview = new Set<Watcher>();
  readonly alarms = new KeyedSets();
  /** By device key: last values. */
  readonly values = new KeyedSets();
  /** By device key: every reading. */
  readonly readings = new KeyedSets();

  remove(watcher: Watcher, keys: Iterable<string>, device: string | null): void {
    this.overview.delete(watcher);
    this.alarms.delete(watcher.tenant, watcher);
    for (const key of keys) this.values.delete(key, watcher);
    if (device !== null) this.readings.delete(device, watcher);
  }
}

class KeyedSets {
  readonly #sets = new Map<string, Set<Watcher>>();

  get(key: string): ReadonlySet<Watcher> | undefined {
    return this.#sets.get(key);
  }

  add(key: string, watcher: Watcher): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([watcher]));
    else set.add(watcher);
  }

  delete(key: string, watcher: Watcher): void {
    const set = this.#sets.get(key);
    set?.delete(watcher);
    if (set?.size === 0) this.#sets.delete(key);
  }
}
