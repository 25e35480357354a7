import type { Clock } from "../core/clock.ts";

/** Token buckets by key: `burst` at once, then one per `intervalMs`. At most `keysMax` are kept, the longest unused go first. */
export interface TokenBuckets {
  /** Takes one token. 0 when there was one, else the milliseconds until there is. */
  take(key: string): number;
}

export function createTokenBuckets(
  limits: { readonly burst: number; readonly intervalMs: number; readonly keysMax: number },
  clock: Clock,
): TokenBuckets {
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>();
  return {
    take(key) {
      const now = clock.now();
      const known = buckets.get(key) ?? { tokens: limits.burst, at: now };
      // A clock that went back gives no tokens and takes none.
      const refilled = known.tokens + Math.max(0, now - known.at) / limits.intervalMs;
      const tokens = Math.min(limits.burst, refilled);
      const left = tokens >= 1 ? tokens - 1 : tokens;
      buckets.delete(key);
      buckets.set(key, { tokens: left, at: now });
      const oldest = buckets.keys().next().value;
      if (buckets.size > limits.keysMax && oldest !== undefined) buckets.delete(oldest);
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * limits.intervalMs);
    },
  };
}
