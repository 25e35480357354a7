import { LIMITS } from "../core/limits.ts";
import { beginCanary, copyOf, hasBegun } from "./canary-state.ts";
import { CondemnedCall } from "./numbered-calls.ts";
import { identityOf, stepBytes } from "./step-failure.ts";
import type { CanaryOutcome } from "../core/canary.ts";
import type { PlacedFunction } from "./function-call.ts";
import type { KeyState } from "./key-state.ts";
import type { HeldOutput } from "./output-buffer.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { TimerSlot } from "./state-slots.ts";
import type { StepFailure } from "./step-failure.ts";
import type { StepScopes } from "./step-scopes.ts";

/** The version that is live, and the one that is on its way. */
export interface Versions {
  readonly live: PlacedFunction;
  readonly canary: PlacedFunction;
}

/** What is called of a version; null: nothing. */
export type CallOf = (version: PlacedFunction) => (() => void) | null;

/** What came of one version's call: outputs that have not left, and why there are none. */
interface Made {
  readonly outputs: readonly HeldOutput[];
  readonly failure: StepFailure | null;
}

const NOTHING: Made = { outputs: [], failure: null };

/** A function with a canary that takes the key: begun, or to begin with its next reading. */
export function versionsAt(live: PlacedFunction, key: KeyState): Versions | null {
  return live.canary?.takes(key) === true ? { live, canary: live.canary.placed } : null;
}

/** The same of a key for which it has begun: other calls than readings are the live version's alone until then. */
export function begunVersionsAt(live: PlacedFunction, key: KeyState): Versions | null {
  const versions = versionsAt(live, key);
  return versions !== null && hasBegun(key, live.fn.name, versions.canary.fn.version) ? versions : null;
}

/** The timers of both versions that fire with this one: of the same name, at the same time. */
export function dueOf({ live, canary }: Versions, key: KeyState, { name, at }: TimerSlot): readonly TimerSlot[] {
  return [live, canary].flatMap(({ stateName }) => {
    const timer = key.functionState(stateName).timers.get(name);
    return timer?.at === at ? timer : [];
  });
}

/** Both on a reading. The canary begins with what the live version has now, as a part of its own call. */
export function callsOnReading({ canary }: Versions, key: KeyState, invoke: (version: PlacedFunction) => void): CallOf {
  const { name, version } = canary.fn;
  const copy = hasBegun(key, name, version) ? null : copyOf(key.functionState(name));
  return (placed) => () => {
    if (placed === canary && copy !== null) beginCanary(key, name, version, copy);
    invoke(placed);
  };
}

export interface BothCalls {
  readonly parts: PartitionParts;
  readonly scopes: StepScopes;
  readonly versions: Versions;
  readonly callOf: CallOf;
  readonly deadLetter: (failure: StepFailure) => void;
}

/**
 * Calls both versions. The canary's outputs leave; where it fails, those of the live version do in its place, so that no device loses anything
 * by it. Both keep their own state, so that the canary can be dropped at any time. True when the live version has failed, and the canary did not
 * make up for it.
 */
export function callBoth({ parts, scopes, versions, callOf, deadLetter }: BothCalls): boolean {
  const { live, canary } = versions;
  const [liveCall, canaryCall] = [callOf(live), callOf(canary)];
  if (liveCall === null && canaryCall === null) return false;
  const ofLive = make(parts, scopes, liveCall);
  const ofCanary = make(parts, scopes, canaryCall && (() => withinBounds(parts, scopes, canary, canaryCall)));
  const leaving = ofCanary.failure === null ? ofCanary : ofLive;
  for (const output of leaving.outputs) parts.outputs.push(output);
  if (ofCanary.failure !== null) deadLetter({ ...ofCanary.failure, by: identityOf(canary) });
  if (leaving.failure !== null) deadLetter({ ...leaving.failure, by: identityOf(live) });
  // Each partition would find out for itself, and cost its thread again.
  if (ofCanary.failure?.error instanceof CondemnedCall) parts.functions.stopCanary(canary.functionVersion);
  parts.calls.compared(canary.functionVersion, outcomeOf(ofLive, ofCanary));
  return leaving.failure !== null;
}

function make({ outputs }: PartitionParts, scopes: StepScopes, call: (() => void) | null): Made {
  if (call === null) return NOTHING;
  let failure: StepFailure | null = null;
  const held = outputs.hold(() => {
    failure = scopes.attempt(call);
  });
  return { outputs: held, failure };
}

/** Half of what a step may make, so that the functions behind it have room; and what others have made in the step is not its own, as long as both fit. */
function withinBounds(parts: PartitionParts, scopes: StepScopes, canary: PlacedFunction, call: () => void): void {
  const before = stepBytes(parts);
  call();
  const own = stepBytes(parts) - before;
  const isTheLast = before <= LIMITS.stepBytesMax && before + own > LIMITS.stepBytesMax;
  if (own <= LIMITS.stepBytesMax / 2 && !isTheLast) return;
  const text = `it makes ${own} bytes of outputs and state at once, where others have made ${before}; ${LIMITS.stepBytesMax} are allowed, and half of it to a canary`;
  throw scopes.failed(identityOf(canary), new RangeError(text));
}

function outcomeOf(live: Made, canary: Made): CanaryOutcome {
  if (canary.failure?.error instanceof CondemnedCall) return "canaryFatal";
  if (canary.failure !== null) return live.failure === null ? "canaryFailed" : "bothFailed";
  if (live.failure !== null) return "liveFailed";
  if (canary.outputs.length === 0) return live.outputs.length === 0 ? "silent" : "onlyLive";
  if (live.outputs.length === 0) return "onlyCanary";
  return textOf(live.outputs) === textOf(canary.outputs) ? "same" : "different";
}

function textOf(outputs: readonly HeldOutput[]): string {
  return outputs.map(({ topic, json }) => `${topic} ${json}`).join("\n");
}
