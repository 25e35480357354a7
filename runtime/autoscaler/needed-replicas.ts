import { LIMITS } from "../../core/limits.ts";
import type { PartitionLoad } from "./stage-load.ts";
import type { ScalingBounds } from "./scaling-types.ts";

export interface Demand {
  readonly partitions: readonly PartitionLoad[];
  /** Records per second of one replica. */
  readonly rate: number;
  /** The share of a replica's time that arrivals may take. */
  readonly utilization: number;
  /** In what time lag is to be worked off. */
  readonly catchUpMs: number;
  /** How long it takes until more replicas work than do now; 0 when none are added. */
  readonly restartMs: number;
  /** Replicas that work meanwhile. */
  readonly working: number;
  /** By the latest interval, where it brought more than the window. */
  readonly isUrgent: boolean;
}

/**
 * The numbers of replicas that there may be: those with which the busiest replica has fewer partitions than with one replica less. Between
 * two of them a replica more takes nothing off it. Divisors of the partition count are among them, and of 32 partitions also 3, 5, 6, 7, 11.
 * Where so many come `together`, the most of those numbers that each number of hosts has.
 */
export function replicaChoices({ partitions, min, max, together = 1 }: ScalingBounds): readonly number[] {
  const all = Array.from({ length: partitions }, (_, index) => index + 1).filter(
    (replicas) => replicas === 1 || Math.ceil(partitions / replicas) < Math.ceil(partitions / (replicas - 1)),
  );
  const hosts = Array.from({ length: Math.ceil(partitions / together) }, (_, index) => index + 1);
  const useful =
    together === 1 ? all : [...new Set(hosts.map((count) => all.findLast((n) => n <= count * together) ?? 1))];
  const most = useful.findLast((n) => n <= Math.max(1, max)) ?? 1;
  const least = Math.min(most, useful.find((n) => n >= Math.max(1, min)) ?? most);
  return useful.filter((n) => n >= least && n <= most);
}

/** The fewest replicas that are enough for the demand, or the most that there may be. */
export function neededReplicas(demand: Demand, choices: readonly number[]): number {
  return choices.find((replicas) => isEnough(demand, replicas)) ?? choices.at(-1) ?? 1;
}

/**
 * Flink's target capacity (apache/flink-kubernetes-operator, AutoScalerUtils.getTargetProcessingCapacity): arrivals / utilisation + lag /
 * catch-up + what a restart leaves / catch-up, against the true processing rate. Three things are ours. A job of Flink's stops for a
 * restart and leaves all arrivals; here those that work go on, and only what is above them is left. A partition counts no more than one replica
 * can do, since no number of replicas does more for it. And the replica with the busiest partitions must bear their arrivals, not only
 * the mean one.
 */
export function isEnough(demand: Demand, replicas: number): boolean {
  const { partitions, rate, utilization, catchUpMs, restartMs, working } = demand;
  const shares = Array.from({ length: replicas }, () => 0);
  const arrivals = partitions.map((partition) => arrivalsOf(demand, partition));
  const atWork = working === 0 ? 0 : working * rate;
  const excess = Math.max(0, arrivals.reduce((sum, one) => sum + one, 0) - atWork);
  let total = (excess * restartMs) / catchUpMs;
  partitions.forEach(({ lag }, index) => {
    const needed = (arrivals[index] ?? 0) / utilization;
    total += Math.min(rate, needed + (1000 * lag) / catchUpMs);
    const replica = index % replicas;
    shares[replica] = (shares[replica] ?? 0) + Math.min(rate * LIMITS.autoscalePartitionShareMax, needed);
  });
  return total <= replicas * rate && shares.every((share) => share <= rate);
}

function arrivalsOf({ isUrgent }: Demand, { arrivals, latestArrivals }: PartitionLoad): number {
  return isUrgent ? Math.max(arrivals, latestArrivals) : arrivals;
}
