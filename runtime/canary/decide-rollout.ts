import type { CanaryCounts } from "../../core/canary.ts";

export interface RolloutLimits {
  readonly canaryCallsMin: number;
  readonly canaryFailuresMin: number;
  readonly canaryFailedShareMax: number;
}

/** How a canary stands. */
export interface RolloutView {
  /** Of all that was seen of it, and of its present step. */
  readonly all: CanaryCounts;
  readonly ofStep: CanaryCounts;
  readonly stepAgeMs: number;
  readonly stepMs: number;
}

export type RolloutDecision = {
  readonly action: "wait" | "advance" | "roll-back";
  /** For people. */
  readonly reason: string;
};

/**
 * What becomes of a canary: taken back as soon as it is worse than the live version on the same calls, or has cost a thread; on to the next share
 * when its time at this one is over and enough has been seen. That its outputs differ is no fault: they mostly are to.
 */
export function decideRollout(view: RolloutView, limits: RolloutLimits): RolloutDecision {
  const { all, ofStep, stepAgeMs, stepMs } = view;
  if (all.canaryFatal > 0) {
    return { action: "roll-back", reason: "a call of it did not come to an end, and cost its thread" };
  }
  const worse = all.canaryFailed - all.liveFailed;
  const isWorse = worse > limits.canaryFailedShareMax * answeredOf(all);
  if (isWorse && worse >= limits.canaryFailuresMin) {
    const { canaryFailed, liveFailed } = all;
    const text = `it failed on ${canaryFailed} of ${answeredOf(all)} calls on which the live version did not`;
    return { action: "roll-back", reason: liveFailed === 0 ? text : `${text}, which failed on ${liveFailed} others` };
  }
  if (stepAgeMs < stepMs) return { action: "wait", reason: `${Math.ceil((stepMs - stepAgeMs) / 1000)} s are left` };
  const calls = sumOf(ofStep);
  if (calls < limits.canaryCallsMin) {
    return { action: "wait", reason: `${calls} of the ${limits.canaryCallsMin} calls that a step takes have come` };
  }
  if (isWorse) return { action: "wait", reason: `it failed on ${all.canaryFailed} calls: more are needed to judge it` };
  return { action: "advance", reason: `${calls} calls went well` };
}

/** Calls that came to anything: most readings may be none of the function's. */
function answeredOf(counts: CanaryCounts): number {
  return sumOf(counts) - counts.silent;
}

function sumOf(counts: CanaryCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
