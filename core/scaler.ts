/** What an outside autoscaler such as KEDA is told of a stage: between the interface that it asks through (`api/scaler`) and who decides. */
export interface ScalerTarget {
  /** As users call it: `main`, `functions`, `joins`, or the name of a stage of users' functions. */
  readonly stage: string;
  /** Pods: 0 lets an idle stage go. */
  readonly minReplicas: number;
  /** Pods; null: as many as partitions allow. */
  readonly maxReplicas: number | null;
  /** What would be asked for is said in the log, and the answer is what there is. */
  readonly isDryRun: boolean;
}

export interface ScalerAnswer {
  /** Pods that the stage is to have. */
  readonly replicas: number;
  /** False: none are needed, and none will be before something is appended. */
  readonly isActive: boolean;
}

export interface ScalerTargets {
  /**
   * Called every few seconds for each target. While the stage cannot be measured it is what was answered last. INVALID_INPUT: there is no such
   * stage. LIMIT_EXCEEDED: too many targets. TIMED_OUT or an error of the log: nothing was measured yet.
   */
  answer(target: ScalerTarget): Promise<ScalerAnswer>;
  /** Calls `onChange` with whether the target is active, once it is known and then whenever it changes, until the signal. Errors as above. */
  follow(target: ScalerTarget, onChange: (isActive: boolean) => void, signal: AbortSignal): Promise<void>;
}
