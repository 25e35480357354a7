import { defineStream as definePrimitive } from "../core/function.ts";
import { CALENDAR_UNITS, calendarLane, unknownCalendarLane } from "../engine/windows/calendar-lane.ts";
import { createSessionFold } from "../engine/windows/session-fold.ts";
import { createSlidingFold } from "../engine/windows/sliding-fold.ts";
import { createWindowFold } from "../engine/windows/window-fold.ts";
import { hoppingLane, laneNamed, tumblingLane } from "../engine/windows/window-lanes.ts";
import { createCountFold } from "./count-fold.ts";
import { forgetOther, kindOfTimer } from "./other-kinds.ts";
import { UserCall } from "./user-call.ts";
import { checkCalendar, checkCount, hoppingMs, windowMs } from "./windows.ts";
import { TOLD_SCHEMA, tellResult, withdrawResult } from "./window-results.ts";
import { z } from "zod";
import type { DeviceType } from "../core/device-type.ts";
import type { FailedTimerContext, StreamContext, StreamFunction } from "../core/function.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { Window, WindowLane } from "../engine/windows/window-lanes.ts";
import type { KeptKind } from "./other-kinds.ts";
import type { CheckedValue } from "./checked-value.ts";
import type { FunctionContext, FunctionReading, ResultMetrics } from "./definition.ts";
import type { Intake } from "./user-function.ts";
import type { ResultWindow, Told, WindowResults } from "./window-results.ts";
import type { WindowSpec } from "./windows.ts";

/** What the author says of a window, checked. */
export interface WindowCode<Metrics, Acc> {
  readonly name: string;
  initial(): Acc;
  add(acc: Acc, reading: FunctionReading<Metrics>): Acc;
  merge?(a: Acc, b: Acc): Acc;
  result(acc: Acc, window: ResultWindow, context: FunctionContext): ResultMetrics | undefined | void;
}

export interface CompileOptions<Metrics, Acc> {
  readonly code: WindowCode<Metrics, Acc>;
  readonly window: WindowSpec;
  readonly intake: Intake<Metrics>;
  readonly value: CheckedValue<Acc>;
  readonly version: number;
  readonly earlyMs: number | null;
  /** Null: as the device's type says. */
  readonly latenessMs: number | null;
}

const WITH_REVISIONS: readonly OutputTopic[] = ["readings", "aggregates", "device-events"];

/** The primitive of a windowed function. FUNCTION_INVALID for a window that cannot be. */
export function compileWindow<Metrics, Acc>(options: CompileOptions<Metrics, Acc>): StreamFunction<"readings"> {
  const { code, window } = options;
  const fn = code.name;
  switch (window.kind) {
    case "tumbling": {
      const sizeMs = windowMs(fn, "the window's size", window.size);
      return compileLane(options, tumblingLane(sizeMs));
    }
    case "hopping": {
      const [sizeMs, everyMs] = hoppingMs(fn, window.size, window.every);
      return compileLane(options, hoppingLane(sizeMs, everyMs));
    }
    case "calendar":
      checkCalendar(fn, window.unit, window.zone);
      return compileLane(options, calendarLane(window.unit, window.zone));
    case "session":
      return compileSession(options, windowMs(fn, "the session's gap", window.gap));
    case "sliding":
      return compileSliding(options, windowMs(fn, "the window's size", window.size));
    case "count":
      checkCount(fn, window.readings);
      return compileCount(options, window.readings);
  }
}

function compileLane<Metrics, Acc>(
  options: CompileOptions<Metrics, Acc>,
  lane: WindowLane,
): StreamFunction<"readings"> {
  const results = resultsOf(options, ({ start, end, nominalMs = end - start }) => nominalMs);
  const add = adding(options);
  const fold = createWindowFold<FunctionReading<Metrics>, Told>({
    acc: TOLD_SCHEMA,
    lanes: () => [lane],
    laneNamed: (name) => (name === lane.name ? lane : (laneNamed(name) ?? calendarLaneNamed(name))),
    allowedLatenessMs: latenessOf(options.latenessMs),
    earlyMs: options.earlyMs,
    add,
    emit: (told, window, cause, context) => tellResult(results, told, window, cause.kind, context),
  });
  return primitiveOf(options, "aligned", fold);
}

/** The zone does not stand in the name. */
function calendarLaneNamed(name: string): WindowLane | null {
  const unit = CALENDAR_UNITS.find((one) => one === name);
  return unit === undefined ? null : unknownCalendarLane(unit);
}

function compileSession<Metrics, Acc>(
  options: CompileOptions<Metrics, Acc>,
  gapMs: number,
): StreamFunction<"readings"> {
  const { code, value } = options;
  const results = resultsOf(options, () => gapMs);
  const fold = createSessionFold<FunctionReading<Metrics>, Told>({
    acc: TOLD_SCHEMA,
    label: `of ${gapMs / 1000} s without a reading`,
    gapMs,
    allowedLatenessMs: latenessOf(options.latenessMs),
    add: adding(options),
    merge(earlier, later) {
      const acc = code.merge?.(results.read(earlier), results.read(later));
      const merged = keeping(options, earlier, value.check(acc, "merge() returns"));
      const read = Math.max(earlier.read ?? -1, later.read ?? -1);
      return read < 0 ? merged : { ...merged, read };
    },
    emit: (told, window, cause, context) => tellResult(results, told, window, cause.kind, context),
    withdraw: (told, window, context) => withdrawResult(results, told, window, context),
  });
  return primitiveOf(options, "session", fold);
}

function compileSliding<Metrics, Acc>(
  options: CompileOptions<Metrics, Acc>,
  sizeMs: number,
): StreamFunction<"readings"> {
  const { code, value, intake } = options;
  const fold = createSlidingFold<FunctionReading<Metrics>, SlidingItem>({
    item: slidingItem,
    label: `the last ${sizeMs / 1000} s`,
    sizeMs,
    allowedLatenessMs: latenessOf(options.latenessMs),
    keep: ({ received, metrics }) => ({ received, metrics }),
    emit(items, window, { tenant, device, ts }, context) {
      let acc = code.initial();
      for (const [at, { received, metrics: kept }] of items) {
        const metrics = intake.parse(kept);
        // Kept by a version of the function that wanted other metrics.
        if (metrics !== null) acc = code.add(acc, { tenant, device, ts: at, received, metrics });
      }
      const call = new UserCall(code.name, ts, context);
      const checked = value.check(acc, "add() returns");
      call.emitWhole(code.result(checked, { ...window, revision: 0, cause: "close" }, call));
    },
  });
  return primitiveOf(options, "sliding", fold);
}

const slidingItem = z.object({ received: z.number(), metrics: z.unknown() });
type SlidingItem = z.infer<typeof slidingItem>;

function compileCount<Metrics, Acc>(
  options: CompileOptions<Metrics, Acc>,
  readings: number,
): StreamFunction<"readings"> {
  const { code } = options;
  const read = reading(options);
  const fold = createCountFold<FunctionReading<Metrics>, Told>({
    acc: TOLD_SCHEMA,
    readings,
    add: adding(options),
    emit(told, window, context) {
      const call = new UserCall(code.name, window.end - 1, context);
      call.emitWhole(code.result(read(told), { ...window, revision: 0, cause: "close" }, call));
    },
  });
  return primitiveOf(options, null, fold);
}

interface Fold<In, Slot> {
  readonly state: z.ZodType<Slot>;
  onInput(reading: In, context: StreamContext<Slot>): void;
  onTimer(name: string, at: number, context: StreamContext<Slot>): void;
  onTimerFailed(name: string, at: number, context: FailedTimerContext<Slot>): void;
}

function primitiveOf<Metrics, Acc, Slot>(
  { code, intake }: CompileOptions<Metrics, Acc>,
  kind: KeptKind | null,
  { state, onInput, onTimer, onTimerFailed }: Fold<FunctionReading<Metrics>, Slot>,
): StreamFunction<"readings", Slot> {
  return definePrimitive<"readings", Slot>({
    name: code.name,
    version: 0,
    input: "readings",
    outputs: WITH_REVISIONS,
    state,
    onInput(reading, context) {
      const taken = intake.take(reading, context);
      if (taken !== null) onInput(taken, context);
    },
    onTimer(timer, at, context) {
      if (kindOfTimer(timer) === kind) onTimer(timer, at, context);
      else forgetOther(timer, context.state);
    },
    onTimerFailed(timer, at, context) {
      if (kindOfTimer(timer) === kind) onTimerFailed(timer, at, context);
      else forgetOther(timer, context.state);
    },
  });
}

function resultsOf<Metrics, Acc>(
  options: CompileOptions<Metrics, Acc>,
  sizeOf: (window: Window) => number,
): WindowResults<Acc> {
  const { code } = options;
  return {
    fn: code.name,
    sizeOf,
    read: reading(options),
    result: (acc, window, context) => code.result(acc, window, context),
  };
}

function reading<Metrics, Acc>({ value }: CompileOptions<Metrics, Acc>): (told: Told) => Acc {
  return (told) => value.read(told.acc, told.v ?? 1);
}

function adding<Metrics, Acc>(
  options: CompileOptions<Metrics, Acc>,
): (told: Told | undefined, reading: FunctionReading<Metrics>) => Told {
  const { code, value } = options;
  const read = reading(options);
  return (told, one) => {
    const acc = told === undefined ? value.check(code.initial(), "initial() returns") : read(told);
    return keeping(options, told, value.check(code.add(acc, one), "add() returns"));
  };
}

/** With what else is known of the window. */
function keeping<Metrics, Acc>({ version }: CompileOptions<Metrics, Acc>, told: Told | undefined, acc: Acc): Told {
  const kept: Told = told === undefined ? { acc } : { ...told, acc };
  return version === 1 ? kept : { ...kept, v: version };
}

function latenessOf(latenessMs: number | null): (type: DeviceType) => number {
  return latenessMs === null ? (type) => type.allowedLatenessMs : () => latenessMs;
}
