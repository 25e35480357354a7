import { LIMITS } from "../../core/limits.ts";
import { WarmPartitions, type WarmPartitionsOptions } from "../../runtime/warm-partitions.ts";

/** Nothing is in it yet. */
export function warmPartitions(options: Partial<WarmPartitionsOptions> = {}): WarmPartitions {
  const monotonic = { now: () => performance.now() };
  return new WarmPartitions({ limits: LIMITS, monotonic, bytesGauge: { set: () => undefined }, ...options });
}
