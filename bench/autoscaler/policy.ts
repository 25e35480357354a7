import type { StageSample } from "../../runtime/autoscaler/scaling-types.ts";
import type { Trace } from "./trace.ts";

export interface PolicyView {
  /** Seconds. */
  readonly at: number;
  /** Replicas that were asked for. */
  readonly replicas: number;
  readonly ready: number;
  /** Null while metrics are lost. */
  readonly sample: StageSample | null;
}

/** One way to choose the number of replicas. `begin` gives a run of its own, with its own memory. */
export interface Policy {
  readonly name: string;
  readonly intervalSeconds: number;
  begin(trace: Trace): (view: PolicyView) => number;
}

/** Records behind, of all partitions; null while metrics are lost. */
export function lagOf(sample: StageSample | null): number | null {
  if (sample === null) return null;
  return sample.partitions.reduce(
    (sum, partition) => sum + (partition === null ? 0 : partition.end - partition.position),
    0,
  );
}

export function processedOf(sample: StageSample): number {
  return sample.partitions.reduce((sum, partition) => sum + (partition?.position ?? 0), 0);
}
