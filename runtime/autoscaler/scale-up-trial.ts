import { LIMITS } from "../../core/limits.ts";
import type { ScalingChange, ScalingEvent, ScalingInput, ScalingState } from "./scaling-types.ts";
import type { StageLoad } from "./stage-load.ts";

export interface TrialResult {
  readonly state: ScalingState;
  readonly events: readonly ScalingEvent[];
  /** Where to go back to when the addition brought nothing. */
  readonly takenBackTo: number | null;
}

/** What is processed has to grow so much for a block to be given up early: what held it back has passed. */
const RECOVERED = 1.5;

/**
 * Judges the last scale-up once its replicas have worked for a window: of the throughput that they were to bring, did a share come? Only
 * when the stage is still late; else it was enough. Flink's test (apache/flink-kubernetes-operator, JobVertexScaler.detectIneffectiveScaleUp),
 * by what was processed, since a shared sink slows every replica; and what brought nothing is taken back, not only not repeated.
 */
export function judgeScaleUp(state: ScalingState, input: ScalingInput, load: StageLoad, isLate: boolean): TrialResult {
  const result = (next: Partial<ScalingState>): TrialResult => {
    return { state: { ...state, ...next }, events: [], takenBackTo: null };
  };
  const { change, onTrial } = state;
  const block = stillBlocked(state, input, load);
  if (!onTrial || change === null || change.readyAt === null) return result({ block });
  if (input.at - change.readyAt < LIMITS.autoscaleSettleMs + LIMITS.autoscaleWindowMs) return result({ block });
  if (!isLate) return result({ block: null, onTrial: false });
  const gainedShare = gainOf(change, load.throughput);
  if (gainedShare >= LIMITS.autoscaleEffectShareMin) return result({ block: null, onTrial: false });
  const lengthMs = Math.min(
    LIMITS.autoscaleBlockMsMax,
    state.block === null ? LIMITS.autoscaleBlockMs : 2 * state.block.lengthMs,
  );
  const perReplica = load.throughput / Math.max(1, change.from);
  const { from, to } = change;
  const event: ScalingEvent = { kind: "ineffective-scale-up", from, to, gainedShare, blockedForMs: lengthMs };
  const next = { ...state, onTrial: false, block: { until: input.at + lengthMs, lengthMs, perReplica } };
  return { state: next, events: [event], takenBackTo: from };
}

function gainOf({ from, to, throughput }: ScalingChange, now: number): number {
  const expected = throughput * (to / from - 1);
  return expected <= 0 ? Infinity : (now - throughput) / expected;
}

/** A block that has run out is kept for its length, until a scale-up has worked. */
function stillBlocked({ block }: ScalingState, { at, ready }: ScalingInput, load: StageLoad): ScalingState["block"] {
  if (block === null || at >= block.until) return block;
  const perReplica = load.throughput / Math.max(1, ready);
  return perReplica > RECOVERED * block.perReplica ? { ...block, until: at } : block;
}
