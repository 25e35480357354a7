import { canaryName } from "../core/canary.ts";
import type { FunctionState } from "./function-state.ts";
import type { KeyState } from "./key-state.ts";

/** Which version of a canary has begun to run for a key. */
const BEGUN_FUNCTION = "$canary";

export function hasBegun(key: KeyState, fn: string, version: number): boolean {
  return begunVersion(key, fn) === version;
}

/** True when there is something of a canary of the function here. */
export function hasCanaryState(key: KeyState, fn: string): boolean {
  return begunVersion(key, fn) !== undefined;
}

/** Most keys have none of it, and need not get an empty one. */
function begunVersion(key: KeyState, fn: string): unknown {
  return key.hasStateOf(BEGUN_FUNCTION) ? key.functionState(BEGUN_FUNCTION).get(fn) : undefined;
}

/** All that a function keeps of a key, apart from what goes on with it. */
export interface StateCopy {
  readonly slots: readonly (readonly [name: string, text: string, bytes: number])[];
  readonly timers: readonly (readonly [name: string, at: number])[];
}

export function copyOf({ slots, timers }: FunctionState): StateCopy {
  return {
    slots: slots.values().flatMap((slot) => {
      const { name, value } = slot.toSlot();
      return value === null ? [] : [[name, value, slot.bytes] as const];
    }),
    timers: timers.values().flatMap(({ name, at }) => (at === null ? [] : [[name, at] as const])),
  };
}

/** The canary begins with what the live version has. */
export function beginCanary(key: KeyState, fn: string, version: number, copy: StateCopy): void {
  const own = canaryName(fn);
  key.forget(own);
  put(key.functionState(own), copy);
  key.functionState(BEGUN_FUNCTION).set(fn, version);
}

/** What it keeps is the function's from here on. */
export function adoptCanary(key: KeyState, fn: string): void {
  const copy = copyOf(key.functionState(canaryName(fn)));
  key.forget(fn);
  put(key.functionState(fn), copy);
  dropCanary(key, fn);
}

export function dropCanary(key: KeyState, fn: string): void {
  key.forget(canaryName(fn));
  key.functionState(BEGUN_FUNCTION).delete(fn);
}

function put(state: FunctionState, { slots, timers }: StateCopy): void {
  for (const [name, text, bytes] of slots) state.slotOf(name).writeText(text, bytes);
  for (const [name, at] of timers) state.timerOf(name).set(at);
}
