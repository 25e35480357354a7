import { defineStream as definePrimitive } from "../core/function.ts";
import { definitionError, requireDefinition } from "./definition-error.ts";
import { CheckedValue } from "./checked-value.ts";
import { defineWindow } from "./define-window.ts";
import { checkCallback, checkDefinition, checkVersion, isSchema } from "./definition.ts";
import { durationMs } from "./durations.ts";
import { KEPT_SCHEMA, KeptState } from "./kept-state.ts";
import { forgetOther, kindOfTimer } from "./other-kinds.ts";
import { refusePromise, UserCall } from "./user-call.ts";
import { unknownOptionsFault } from "./unknown-options.ts";
import { createIntake, USER_OUTPUTS } from "./user-function.ts";
import type { z } from "zod";
import type { StreamContext, Timers } from "../core/function.ts";
import type { DeviceSelect, FunctionReading, FunctionResult, StreamFunctionContext } from "./definition.ts";
import type { WindowDefinition } from "./define-window.ts";
import type { Duration } from "./durations.ts";
import type { Kept } from "./kept-state.ts";
import type { UserFunction } from "./user-function.ts";

/** What a call leaves: the new state, when it changed, and derived readings. */
export interface StreamStep<State> {
  readonly state?: State;
  readonly emit?: FunctionResult;
}

export interface KeyedDefinition<Metrics, State> {
  /** `[a-z][a-z0-9-]{0,62}`. */
  readonly name: string;
  /** The metrics that it wants. A reading that does not match passes by. */
  readonly input: z.ZodType<Metrics>;
  readonly select?: DeviceSelect;
  /** What is kept for each device: JSON. */
  readonly state: z.ZodType<State>;
  initial(): NoInfer<State>;
  /** 1 when absent. Raise it with every change of `state` that old values do not match, and define `migrate`. */
  readonly stateVersion?: number;
  /** Makes a value of an older version one of this. */
  migrate?(old: unknown, fromVersion: number): NoInfer<State>;
  /** A device's state is forgotten when event time has gone on by this since its last reading. */
  readonly ttl?: Duration;
  /** Values are immutable: return a new state instead of changing the old. */
  process(
    reading: FunctionReading<NoInfer<Metrics>>,
    state: NoInfer<State>,
    context: StreamFunctionContext,
  ): StreamStep<NoInfer<State>> | undefined | void;
  onTimer?(
    name: string,
    at: number,
    state: NoInfer<State>,
    context: StreamFunctionContext,
  ): StreamStep<NoInfer<State>> | undefined | void;
}

/** A function with memory: one state for each device, or one accumulator for each window of a device. FUNCTION_INVALID. */
export function defineStream<Metrics, State>(definition: KeyedDefinition<Metrics, State>): UserFunction;
export function defineStream<Metrics, Acc>(definition: WindowDefinition<Metrics, Acc>): UserFunction;
export function defineStream<Metrics, Value>(
  definition: KeyedDefinition<Metrics, Value> | WindowDefinition<Metrics, Value>,
): UserFunction {
  requireDefinition("defineStream", definition, "name, input, state, initial, process");
  return "window" in definition ? defineWindow(definition) : defineKeyed(definition);
}

function defineKeyed<Metrics, State>(definition: KeyedDefinition<Metrics, State>): UserFunction {
  const { name, input, select = {}, state: schema } = definition;
  checkStream(definition);
  const intake = createIntake(input, select);
  const version = definition.stateVersion ?? 1;
  const migrate = definition.migrate?.bind(definition) ?? null;
  const kept = new KeptState<State>({
    value: new CheckedValue<State>({ fn: name, what: "state", schema, version, migrate }),
    version,
    ttlMs: definition.ttl === undefined ? null : durationMs(name, "ttl", definition.ttl),
    initial: () => definition.initial(),
  });
  const answered = definition.onTimer !== undefined;
  const callAt = (ts: number, context: StreamContext<Kept>): UserCall => {
    return new UserCall(name, ts, context, ownTimers(name, answered, context.timers));
  };
  const primitive = definePrimitive<"readings", Kept>({
    name,
    version: 0,
    input: "readings",
    outputs: USER_OUTPUTS,
    state: KEPT_SCHEMA,
    onInput(reading, context) {
      const taken = intake.take(reading, context);
      if (taken === null) return;
      const call = callAt(taken.ts, context);
      const step = definition.process(taken, kept.read(context), call);
      kept.write(stepState(name, step), Math.max(taken.ts, context.watermark), context);
      call.emitResult(step?.emit);
    },
    onTimer(timer, at, context) {
      if (kindOfTimer(timer) !== "state") return forgetOther(timer, context.state);
      if (kept.onTimer(timer, at, context) || !timer.startsWith(OWN_TIMER)) return;
      const call = callAt(at, context);
      const step = definition.onTimer?.(timer.slice(OWN_TIMER.length), at, kept.read(context), call);
      kept.write(stepState(name, step), at, context);
      call.emitResult(step?.emit);
    },
    // What the author's own timers were for, only the author knows.
    onTimerFailed(timer, at, context) {
      if (kindOfTimer(timer) !== "state") forgetOther(timer, context.state);
      else kept.onTimer(timer, at, context);
    },
  });
  const user = {
    definedWith: "defineStream",
    counters: intake.counters,
    input,
    select,
    state: { version: definition.stateVersion ?? 1, schema },
    unknownOptions: unknownOptionsFault(definition, "defineStream", KEYED_OPTIONS),
  } as const;
  return Object.freeze({ ...primitive, user });
}

const KEYED_OPTIONS = `name input select state initial stateVersion migrate ttl process onTimer`.split(" ");

/** Before the names of the author's timers: the kit has some of its own. */
const OWN_TIMER = "own/";

function ownTimers(fn: string, answered: boolean, timers: Timers): Timers {
  return {
    set(timer, at) {
      if (!answered) throw new TypeError(`${fn} sets a timer but has no onTimer(): define it`);
      timers.set(OWN_TIMER + timer, at);
    },
    clear(timer) {
      timers.clear(OWN_TIMER + timer);
    },
  };
}

function stepState<State>(fn: string, step: StreamStep<State> | undefined | void): State | undefined {
  refusePromise(fn, step);
  if (step === undefined) return undefined;
  if (
    typeof step === "object" &&
    step !== null &&
    Object.keys(step).every((name) => name === "state" || name === "emit")
  ) {
    return step.state;
  }
  throw new TypeError(`${fn} returns what is no step: return { state, emit }, either or neither of them`);
}

function checkStream<Metrics, State>(definition: KeyedDefinition<Metrics, State>): void {
  checkDefinition(definition);
  const { name, state, stateVersion = 1, migrate, onTimer } = definition;
  if (!isSchema(state)) {
    throw definitionError(name, "state is no zod schema", "write state: z.object({ ... }), or use defineMap");
  }
  checkCallback(name, "initial", definition.initial);
  checkCallback(name, "process", definition.process);
  if (onTimer !== undefined) checkCallback(name, "onTimer", onTimer);
  checkVersion(name, stateVersion, migrate);
}
