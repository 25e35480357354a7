import type { Counter } from "../core/metrics.ts";
import { forgetFirst } from "./forgotten.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface RateTableOptions {
  readonly perSecond: number;
  readonly burst: number;
  /** Of more keys the one that was used longest ago is forgotten. */
  readonly entriesMax: number;
  readonly forgotten: Counter;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** A token bucket per key. A key that is not known has a full one: only those that are not full are kept. */
export interface RateTable {
  /** The bucket of this key as it is now, to look at. Null: it is full. */
  peek(key: string): TokenBucket | null;
  /** Takes one; false, and nothing is taken, when the bucket is empty. */
  take(key: string): boolean;
  readonly size: number;
}

export function createRateTable({ perSecond, burst, entriesMax, forgotten, nowMs }: RateTableOptions): RateTable {
  const buckets = new Map<string, TokenBucket>();

  function peek(key: string): TokenBucket | null {
    const bucket = buckets.get(key);
    if (bucket === undefined) return null;
    bucket.refill(nowMs());
    if (bucket.level < bucket.burst) return bucket;
    buckets.delete(key);
    return null;
  }

  return {
    peek,
    take(key) {
      const bucket = peek(key) ?? new TokenBucket(perSecond, burst, nowMs());
      if (bucket.level < 1) return false;
      bucket.level -= 1;
      // Behind all others: the first is the one that was used longest ago.
      buckets.delete(key);
      buckets.set(key, bucket);
      forgetFirst(buckets, entriesMax, forgotten);
      return true;
    },
    get size() {
      return buckets.size;
    },
  };
}
