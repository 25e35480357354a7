import type { Counter, Metrics } from "../core/metrics.ts";

/** What the edge remembers, as far as there is room for it. */
export type Remembered = "accepted-token" | "refused-token" | "address" | "device" | "idempotency-key";

/** Counts what had to be forgotten because there was no room. */
export function forgottenCounter(metrics: Metrics, what: Remembered): Counter {
  return metrics.counter(
    "millrace_edge_forgotten_total",
    "What the edge forgot because it remembers only so much: see the ceilings in limits.md.",
    { what },
  );
}

/** Drops entries that were put in first until there are `sizeMax`. */
export function forgetFirst(entries: Map<string, unknown> | Set<string>, sizeMax: number, forgotten: Counter): void {
  if (entries.size <= sizeMax) return;
  for (const key of entries.keys()) {
    entries.delete(key);
    forgotten.add();
    if (entries.size <= sizeMax) return;
  }
}
