import { replicaChoices } from "../../runtime/autoscaler/needed-replicas.ts";
import type { ScalingBounds } from "../../runtime/autoscaler/scaling-types.ts";

/** A stage's partitions are dealt out to threads, which is what the formula counts; pods come with some each. */
export interface PodShape {
  readonly partitions: number;
  readonly threadsPerPod: number;
}

/** Of the threads of so many pods, those that take something off the others. */
export function threadsOf(pods: number, { partitions, threadsPerPod }: PodShape): number {
  if (pods === 0) return 0;
  return replicaChoices({ partitions, min: 1, max: pods * threadsPerPod }).at(-1) ?? 1;
}

/** The fewest pods that have so many threads. */
export function podsOf(threads: number, { threadsPerPod }: PodShape): number {
  return Math.ceil(threads / threadsPerPod);
}

/** The bounds in threads, of those in pods: never more than what partitions allow. */
export function boundsInThreads(
  pods: { readonly min: number; readonly max: number | null },
  shape: PodShape,
): ScalingBounds {
  const { partitions, threadsPerPod } = shape;
  const max = threadsOf(Math.max(1, pods.max ?? partitions), shape);
  return { partitions, min: Math.min(max, threadsOf(pods.min, shape)), max, together: threadsPerPod };
}
