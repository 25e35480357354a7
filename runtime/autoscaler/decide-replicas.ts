import { LIMITS } from "../../core/limits.ts";
import { hotPartitions, latePartitions } from "./hot-partitions.ts";
import { isEnough, neededReplicas, replicaChoices } from "./needed-replicas.ts";
import { isWhole, lagIn, loadOf, observe } from "./stage-load.ts";
import { judgeScaleUp } from "./scale-up-trial.ts";
import type { Demand } from "./needed-replicas.ts";
import type { PartitionLoad, StageLoad } from "./stage-load.ts";
import type {
  ScalingBounds,
  ScalingDecision,
  ScalingEvent,
  ScalingInput,
  ScalingReason,
  ScalingState,
} from "./scaling-types.ts";

export const INITIAL_SCALING_STATE: ScalingState = {
  samples: [],
  work: null,
  change: null,
  restartMs: LIMITS.autoscaleRestartMsDefault,
  needs: [],
  begunAt: null,
  overSince: null,
  idleSince: null,
  onTrial: false,
  heldUp: false,
  block: null,
  hot: [],
  stalled: false,
};

/** All that the rules go by. */
interface Look {
  readonly input: ScalingInput;
  readonly bounds: ScalingBounds;
  readonly choices: readonly number[];
  readonly load: StageLoad;
  readonly rate: number;
  /** How many partitions are late. */
  readonly late: number;
  /** Since the last change. */
  readonly sinceMs: number;
}

interface Verdict {
  readonly replicas: number;
  readonly reason: ScalingReason;
}

/**
 * How many replicas a stage is to have. Pure: what it has to remember is in the state that it returns. Holding is an answer with a reason:
 * what is not measured, what stands still and what more replicas do not change is left alone.
 */
export function decideReplicas(input: ScalingInput, before: ScalingState, bounds: ScalingBounds): ScalingDecision {
  const { sample, replicas, at } = input;
  const seen = noteReady(sample === null ? before : observe(before, sample), input);
  const hold = (reason: ScalingReason, state = seen): ScalingDecision => ({ replicas, reason, events: [], state });
  const choices = replicaChoices(bounds);
  const least = bounds.min === 0 ? 0 : (choices[0] ?? 1);
  const bounded = Math.min(choices.at(-1) ?? 1, Math.max(least, replicas));
  if (bounded !== replicas) return changed(seen, input, 0, { replicas: bounded, reason: "bounds" }, []);
  if (sample === null) return hold("no measurement");
  if (at - sample.at > LIMITS.autoscaleSampleAgeMsMax) return hold("old measurement");
  if (!isWhole(sample) || sample.partitions.length !== bounds.partitions) return hold("missing partition");
  const load = loadOf(seen, input);
  if (load === null && replicas === 0 && (lagIn(sample) > 0 || isTimerDue(input)))
    return changed(seen, input, 0, { replicas: choices[0] ?? 1, reason: "woken" }, []);
  if (load === null) return hold("no rates yet");
  return decideByLoad(seen, input, bounds, { choices, load });
}

function decideByLoad(
  seen: ScalingState,
  input: ScalingInput,
  bounds: ScalingBounds,
  { choices, load }: Pick<Look, "choices" | "load">,
): ScalingDecision {
  const { at } = input;
  const idle = noteIdle(seen, load, at);
  const hot = hotPartitions(load, idle.hot);
  const look: Look = {
    input,
    bounds,
    choices,
    load: withoutFormerHeat(load, hot.partitions),
    rate: load.rate ?? Infinity,
    late: latePartitions(load, hot.partitions, input).length,
    sinceMs: at - (seen.change?.at ?? -Infinity),
  };
  const stalled = load.stalledMs >= LIMITS.autoscaleStallMs;
  const events: ScalingEvent[] = [...hot.events];
  if (stalled && !seen.stalled) events.push({ kind: "stalled", lag: load.lag });
  const standsStill = load.stalledMs > 0;
  const isLate = look.late > 0 && !standsStill;
  const heldUp = isLate && (load.isHeldUp ?? seen.heldUp);
  const trial = judgeScaleUp({ ...idle, heldUp }, input, load, isLate);
  events.push(...trial.events);
  const state = noteNeed({ ...trial.state, hot: hot.partitions, stalled, overSince: overSince(seen, look) }, look);
  const verdict =
    idleVerdict(state, look) ??
    (load.rate === null && load.lag > 0 ? stay(look, "no rates yet") : null) ??
    (standsStill ? stay(look, "stalled") : null) ??
    (trial.takenBackTo === null ? null : { replicas: trial.takenBackTo, reason: "ineffective" as const }) ??
    upVerdict(state, look) ??
    downVerdict(state, look);
  return changed(state, input, load.throughput, verdict, events);
}

/** To zero when nothing comes and nothing is due, from zero when something has come. */
function idleVerdict({ idleSince, restartMs }: ScalingState, look: Look): Verdict | null {
  const { input, bounds, load } = look;
  if (input.replicas === 0) {
    // A tick is about to come for it, from somebody who may need the stage for that.
    if (load.lag === 0 && isTimerDue(input)) return { replicas: look.choices[0] ?? 1, reason: "timers due" };
    if (load.lag === 0) return stay(look, "idle");
    const demand = demandOf(look, LIMITS.autoscaleTargetUtilization, restartMs);
    return { replicas: neededReplicas(demand, look.choices), reason: "woken" };
  }
  if (bounds.min > 0 || idleSince === null || input.at - idleSince < LIMITS.autoscaleIdleMs) return null;
  const { nextTimer } = input.sample ?? { nextTimer: null };
  // What is due so soon would wake it at once.
  if (nextTimer !== null && nextTimer - input.at < LIMITS.autoscaleIdleMs) return stay(look, "timers due");
  return { replicas: 0, reason: "idle" };
}

function isTimerDue({ at, sample }: ScalingInput): boolean {
  const { nextTimer } = sample ?? { nextTimer: null };
  return nextTimer !== null && nextTimer <= at;
}

function upVerdict({ block, restartMs, heldUp, onTrial, overSince }: ScalingState, look: Look): Verdict | null {
  const { input, choices, late, sinceMs } = look;
  const { replicas, ready, at } = input;
  if (overSince === null) return null;
  const needed = neededReplicas(demandOf(look, LIMITS.autoscaleTargetUtilization, restartMs), choices);
  if (needed <= replicas) return null;
  if (block !== null && at < block.until) return stay(look, "blocked");
  if (sinceMs < LIMITS.autoscaleUpCooldownMs) return stay(look, "cooling down");
  // Nobody is late yet: not for what may be one odd look.
  if (late === 0 && at - overSince < LIMITS.autoscaleSettleMs) return stay(look, "cooling down");
  // Those that were asked for are not here yet: the lag that grows meanwhile is theirs.
  if (ready < replicas && sinceMs < LIMITS.autoscaleStartMsMax) return stay(look, "starting");
  // Replicas that wait for something else than input may not be what is missing: one step, and then see what it has brought.
  if (heldUp && onTrial) return stay(look, "on trial");
  const next = choices.find((choice) => choice > replicas) ?? needed;
  if (heldUp) return { replicas: next, reason: "lag" };
  const byArrivals = neededReplicas({ ...demandOf(look, LIMITS.autoscaleTargetUtilization, 0), ...NO_LAG }, choices);
  // A replica for each late partition is the most that helps them.
  const most = Math.max(next, byArrivals, choices.findLast((choice) => choice <= replicas + late) ?? next);
  return { replicas: Math.min(needed, late > 0 ? most : needed), reason: late > 0 ? "lag" : "load" };
}

/** A catch-up time that leaves lag out. */
const NO_LAG = { catchUpMs: Infinity };

/** The most that arrivals have needed within the window; lag that was worked off does not keep replicas. */
function downVerdict({ needs, begunAt }: ScalingState, look: Look): Verdict {
  const { input, late, sinceMs } = look;
  const { replicas, ready, at } = input;
  const neededSince = (from: number): number =>
    Math.max(0, ...needs.filter((n) => n.at >= from).map((n) => n.replicas));
  if (needs.length === 0 || neededSince(-Infinity) >= replicas) return stay(look, "enough");
  if (late > 0) return stay(look, "lag");
  if (ready < replicas && sinceMs < LIMITS.autoscaleStartMsMax) return stay(look, "starting");
  const isNew = at - (begunAt ?? at) < LIMITS.autoscaleWindowMs;
  if (isNew || sinceMs < LIMITS.autoscaleDownCooldownMs) return stay(look, "cooling down");
  // The oldest are means over a fall: what is below them is where it ended, and one change is better than two.
  const from = at - LIMITS.autoscaleDownWindowMs + LIMITS.autoscaleWindowMs;
  return { replicas: neededSince(from), reason: "less load" };
}

/** Lag counts when some replica is late, and at zero; a little of it is always under way. */
function demandOf({ load, rate, late, input }: Look, utilization: number, restartMs: number): Demand {
  const isUrgent = late > 0 || input.replicas === 0;
  const partitions = isUrgent ? load.partitions : withoutLag(load.partitions);
  const catchUpMs = Math.max(LIMITS.autoscaleCatchUpMs, restartMs);
  return { partitions, rate, utilization, catchUpMs, restartMs, working: input.ready, isUrgent };
}

/** What was too much for one partition is not shared out among the others, once it is over. */
function withoutFormerHeat(load: StageLoad, hot: readonly number[]): StageLoad {
  const partitions = load.partitions.map((one, partition) =>
    hot.includes(partition) ? { ...one, arrivals: Math.min(one.arrivals, one.latestArrivals) } : one,
  );
  return { ...load, partitions };
}

function withoutLag(partitions: readonly PartitionLoad[]): readonly PartitionLoad[] {
  return partitions.map((partition) => ({ ...partition, lag: 0 }));
}

function stay({ input }: Look, reason: ScalingReason): Verdict {
  return { replicas: input.replicas, reason };
}

function changed(
  state: ScalingState,
  { at, replicas }: ScalingInput,
  throughput: number,
  verdict: Verdict,
  events: readonly ScalingEvent[],
): ScalingDecision {
  if (verdict.replicas === replicas) return { ...verdict, events, state };
  const change = { at, from: replicas, to: verdict.replicas, readyAt: null, throughput };
  const onTrial = verdict.replicas > replicas && replicas > 0;
  return { ...verdict, events, state: { ...state, change, onTrial } };
}

function noteReady(state: ScalingState, { at, replicas, ready }: ScalingInput): ScalingState {
  const begunAt = state.begunAt ?? at;
  const { change } = state;
  if (change === null || change.readyAt !== null || ready < replicas) return { ...state, begunAt };
  const isUp = change.to > change.from;
  return { ...state, begunAt, change: { ...change, readyAt: at }, restartMs: isUp ? at - change.at : state.restartMs };
}

function overSince(before: ScalingState, look: Look): number | null {
  const { replicas, at } = look.input;
  const isOver = replicas > 0 && !isEnough(demandOf(look, LIMITS.autoscaleUtilizationMax, 0), replicas);
  return isOver ? (before.overSince ?? at) : null;
}

function noteIdle(state: ScalingState, { lag, partitions }: StageLoad, at: number): ScalingState {
  const isIdle = lag === 0 && partitions.every(({ latestArrivals }) => latestArrivals === 0);
  return { ...state, idleSince: isIdle ? (state.idleSince ?? at) : null };
}

/** Keeps of what was needed only what no later entry exceeds. */
function noteNeed(state: ScalingState, look: Look): ScalingState {
  const { input, choices, load } = look;
  if (load.rate === null) return state;
  const demand = demandOf(look, LIMITS.autoscaleTargetUtilization, 0);
  const replicas = neededReplicas({ ...demand, ...NO_LAG, isUrgent: false }, choices);
  const needs = state.needs.filter(
    (need) => need.at >= input.at - LIMITS.autoscaleDownWindowMs && need.replicas > replicas,
  );
  return { ...state, needs: [...needs, { at: input.at, replicas }] };
}
