import { LIMITS } from "../../core/limits.ts";
import type { ScalingEvent, ScalingInput } from "./scaling-types.ts";
import type { PartitionLoad, StageLoad } from "./stage-load.ts";

/** A partition is hot until it gets less than this of what one replica does, and what it had too much is worked off. */
const COOL_SHARE = 0.9;
/** And it gets at least so many times what a partition gets on the mean: where all get too much, the stage has too few of them. */
const TIMES_THE_MEAN = 2;

/** Partitions that get more than one replica can do: nobody but who chose the keys can help them. */
export function hotPartitions(
  { partitions, rate, busyRate }: StageLoad,
  before: readonly number[],
): { readonly partitions: readonly number[]; readonly events: readonly ScalingEvent[] } {
  // By what a replica does when nobody holds it up: behind a slow sink every partition would look hot.
  const most = busyRate ?? rate;
  if (most === null) return { partitions: [], events: [] };
  const mean = partitions.reduce((sum, { latestArrivals }) => sum + latestArrivals, 0) / partitions.length;
  const isHot = ({ arrivals, latestArrivals, lag }: PartitionLoad, partition: number): boolean => {
    const incoming = Math.max(arrivals, latestArrivals);
    if (!before.includes(partition)) return incoming > Math.max(most, TIMES_THE_MEAN * mean);
    return incoming > most * COOL_SHARE || 1000 * lag > most * LIMITS.autoscaleLagMsMax;
  };
  const hot = partitions.flatMap((load, partition) => (isHot(load, partition) ? [partition] : []));
  const events = hot
    .filter((partition) => !before.includes(partition))
    .map((partition): ScalingEvent => {
      const recordsPerSecond = partitions[partition]?.latestArrivals ?? 0;
      return { kind: "hot-partition", partition, recordsPerSecond };
    });
  return { partitions: hot, events };
}

/**
 * Partitions of replicas that have more to work off than they may, each with more than its part of that; hot ones left out, since theirs would
 * not go away. Partitions are dealt out in turn.
 */
export function latePartitions(
  { partitions, rate }: StageLoad,
  hot: readonly number[],
  { replicas, ready }: Pick<ScalingInput, "replicas" | "ready">,
): readonly number[] {
  const working = Math.max(1, Math.min(ready, replicas));
  const shares = Array.from({ length: working }, () => 0);
  const counted = partitions.flatMap(({ lag }, partition) => (lag > 0 && !hot.includes(partition) ? [partition] : []));
  if (rate === null) return counted;
  for (const partition of counted)
    shares[partition % working] = (shares[partition % working] ?? 0) + (partitions[partition]?.lag ?? 0);
  const lagMax = (rate * LIMITS.autoscaleLagMsMax) / 1000;
  const lagOfOneMax = (lagMax * working) / partitions.length;
  return counted.filter(
    (partition) => (shares[partition % working] ?? 0) > lagMax && (partitions[partition]?.lag ?? 0) > lagOfOneMax,
  );
}
