import { begunVersionsAt, dueOf } from "./canary-calls.ts";
import { FunctionCall } from "./function-call.ts";
import { identityOf } from "./step-failure.ts";
import type { Versions } from "./canary-calls.ts";
import type { CallSite, PlacedFunction } from "./function-call.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { TimerSlot } from "./state-slots.ts";
import type { StepScopes } from "./step-scopes.ts";

/** A timer that fires, and its call. */
export interface DueTimer {
  readonly call: FunctionCall;
  readonly timer: TimerSlot;
}

/** What fires with a timer: it alone, or also that of the function's other version, of the same name at the same time. */
interface Firing {
  readonly name: string;
  readonly at: number;
  readonly received: number;
  readonly versions: Versions | null;
  readonly due: readonly DueTimer[];
}

/** Null when nobody answers the timer. */
export function firingWith(
  { functions, partitionTime }: PartitionParts,
  site: CallSite,
  key: KeyState,
  timer: TimerSlot,
): Firing | null {
  const { name, at, owner } = timer;
  const received = partitionTime.value ?? 0;
  const placed = functions.byState.get(owner.name);
  if (placed === undefined || at === null) return null;
  const versions = begunVersionsAt(functions.byName.get(placed.fn.name) ?? placed, key);
  const dueTimer = (of: PlacedFunction, one: TimerSlot): DueTimer => {
    const input = { placed: of, key, cause: "timer", receiveTime: received, watermark: at } as const;
    return { call: new FunctionCall(site, input), timer: one };
  };
  if (versions !== null) {
    const { live, canary } = versions;
    const due = dueOf(versions, key, timer).map((one) => {
      return dueTimer(one.owner.name === live.stateName ? live : canary, one);
    });
    return { name, at, received, versions, due };
  }
  if (placed.stateName === placed.fn.name) return { name, at, received, versions, due: [dueTimer(placed, timer)] };
  // Of a canary that was stopped.
  timer.set(null);
  return null;
}

/**
 * A timer whose call has failed is gone, and its function is told, so that nothing waits for it for ever. That is no call of a user's code: it has no
 * number for verdicts, and what it throws has no dead letter beside the timer's own.
 */
export function endFailedTimer(scopes: StepScopes, { call, timer }: DueTimer): void {
  const { placed, watermark: at } = call;
  const { fn } = placed;
  timer.set(null);
  if (fn.kind !== "stream" || fn.onTimerFailed === undefined) return;
  scopes.attempt(() => {
    try {
      fn.onTimerFailed?.(timer.name, at, call);
    } catch (error) {
      throw scopes.failed(identityOf(placed), error);
    }
  });
}
