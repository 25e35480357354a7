/** What the decision knows, and what it says. Times in ms of one clock of which only differences count. */

export interface PartitionSample {
  /** The offset that the next record of the input will get. */
  readonly end: number;
  /** The next offset to process. */
  readonly position: number;
}

/** A stage's counters at one moment. They only grow, so that one that is lost costs nothing but its own look. */
export interface StageSample {
  readonly at: number;
  /** By partition, from 0. Null where one could not be measured. */
  readonly partitions: readonly (PartitionSample | null)[];
  /** Seconds that all replicas together have worked, waiting for input left out; null where that is not known. */
  readonly busySeconds: number | null;
  /** When the next timer of any partition is due; null when none is. */
  readonly nextTimer: number | null;
}

export interface ScalingInput {
  readonly at: number;
  /** Replicas that were asked for. */
  readonly replicas: number;
  /** Replicas of these that work. */
  readonly ready: number;
  /** Null when measuring failed. */
  readonly sample: StageSample | null;
}

export interface ScalingBounds {
  readonly partitions: number;
  /** 0 lets an idle stage go. */
  readonly min: number;
  readonly max: number;
  /** So many come and go together: threads of a pod. 1 when absent. `min` and `max` are numbers of all of them. */
  readonly together?: number;
}

/** Said once when it begins. */
export type ScalingEvent =
  | { readonly kind: "hot-partition"; readonly partition: number; readonly recordsPerSecond: number }
  | { readonly kind: "stalled"; readonly lag: number }
  | {
      readonly kind: "ineffective-scale-up";
      readonly from: number;
      readonly to: number;
      /** Of the throughput that was expected to come on top. */
      readonly gainedShare: number;
      readonly blockedForMs: number;
    };

export type ScalingReason =
  | "bounds"
  | "no measurement"
  | "old measurement"
  | "missing partition"
  | "no rates yet"
  | "idle"
  | "timers due"
  | "woken"
  | "stalled"
  | "starting"
  | "ineffective"
  | "on trial"
  | "blocked"
  | "cooling down"
  | "load"
  | "lag"
  | "less load"
  | "enough";

export interface ScalingDecision {
  readonly replicas: number;
  readonly reason: ScalingReason;
  readonly events: readonly ScalingEvent[];
  /** To be passed to the next decision. */
  readonly state: ScalingState;
}

/** The last change of the number of replicas. */
export interface ScalingChange {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  /** When all of them were first seen at work. */
  readonly readyAt: number | null;
  /** Records per second before. */
  readonly throughput: number;
}

export interface ScalingState {
  /** The latest within the window, oldest first. */
  readonly samples: readonly StageSample[];
  /** Records and the seconds of work that they took, the older the less of them. Null before the first. */
  readonly work: { readonly records: number; readonly busySeconds: number } | null;
  readonly change: ScalingChange | null;
  /** From asking for replicas until they work, as seen. */
  readonly restartMs: number;
  /** What arrivals needed, each entry greater than those behind it. */
  readonly needs: readonly { readonly at: number; readonly replicas: number }[];
  readonly begunAt: number | null;
  /** Since when there has been more than the replicas can do. */
  readonly overSince: number | null;
  readonly idleSince: number | null;
  /** True until a scale-up has been judged. */
  readonly onTrial: boolean;
  /** True from when replicas were seen to wait for something else than input, until they do not, or nothing is late. */
  readonly heldUp: boolean;
  readonly block: { readonly until: number; readonly lengthMs: number; readonly perReplica: number } | null;
  readonly hot: readonly number[];
  readonly stalled: boolean;
}
