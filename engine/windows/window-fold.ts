import { z } from "zod";
import { EARLY_TIMER, WindowPlaces, type WindowPlace } from "./window-places.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { FailedTimerContext, StreamContext } from "../../core/function.ts";
import type { Window, WindowLane } from "./window-lanes.ts";

/** What a fold needs of a reading, besides what its `add` looks at. */
export interface FoldInput {
  readonly tenant: string;
  readonly device: string;
  readonly ts: number;
  readonly received: number;
}

/** Why a window is emitted: before its end, when the watermark reaches it, or because that late reading changed it. */
export type EmitCause<In> = { readonly kind: "early" | "close" } | { readonly kind: "late"; readonly reading: In };

/** A fold of windows whose bounds follow from event time: what to keep of the readings of a window, and what to emit of it. */
export interface WindowFoldDefinition<In extends FoldInput, Acc> {
  readonly acc: z.ZodType<Acc>;
  /** Asked once for each state of a type. */
  lanes(type: DeviceType): readonly WindowLane[];
  /** Also one that `lanes` no longer gives: its windows end as they began. */
  laneNamed(name: string): WindowLane | null;
  allowedLatenessMs(type: DeviceType): number;
  /** Between two results of a window before its end; null for none. */
  readonly earlyMs: number | null;
  /**
   * Undefined when nothing of the reading concerns the fold. Only where there is `copy` may it change `acc`, and then gives the same one back.
   */
  add(acc: Acc | undefined, reading: In, window: Window): Acc | undefined;
  /** Of an accumulator so large that a new one with every reading would cost more than all else. */
  copy?(acc: Acc): Acc;
  /** Emits the window. Returns what to keep from here on, so that the fold can count revisions: the same one, changed, only where there is `copy`. */
  emit(acc: Acc, window: Window, cause: EmitCause<In>, context: StreamContext<FoldSlot<Acc>>): Acc;
}

/** When a window is emitted early: `at` is the timer's time, or that of the last one when there is none. */
interface Early {
  readonly at: number;
  readonly armed: boolean;
}

/** A window (open, or closed and waiting for late readings), or how far windows of a lane have been let go. */
export type FoldSlot<Acc> =
  | { readonly kind: "window"; readonly closed: boolean; readonly acc: Acc; readonly early?: Early }
  | { readonly kind: "horizon"; readonly expiredTo: number };

/** The parts of a `defineStream` that folds readings into windows. */
export interface WindowFold<In, Acc> {
  readonly state: z.ZodType<FoldSlot<Acc>>;
  onInput(reading: In, context: StreamContext<FoldSlot<Acc>>): void;
  onTimer(name: string, at: number, context: StreamContext<FoldSlot<Acc>>): void;
  onTimerFailed(name: string, at: number, context: FailedTimerContext<FoldSlot<Acc>>): void;
}

/**
 * Windows per device and lane. A window closes when the watermark reaches its end, stays for allowedLateness, and is then let go.
 *
 * A late reading emits its window again at once, with the next revision. That depends on the readings alone, as a timer in
 * partition time would, but the newest truth is never held back, and no timer has to be kept for it; the price is one revision per
 * late reading instead of one per burst. A reading later than allowedLateness goes to `device-events`.
 *
 * Silence closes only windows that are there: a device that uploads what it buffered opens windows that nobody has seen yet, and
 * finds late only what belongs to one that was emitted.
 *
 * A window whose result fails at its end is closed without one: a late reading gives it the next, and it is let go in its time.
 *
 * An early result is emitted at the next multiple of `earlyMs` after a reading has changed the window: none without a change.
 */
export function createWindowFold<In extends FoldInput, Acc>(
  definition: WindowFoldDefinition<In, Acc>,
): WindowFold<In, Acc> {
  const lanesOf = new WeakMap<DeviceType, readonly WindowLane[]>();
  const lanes = (type: DeviceType): readonly WindowLane[] => {
    const known = lanesOf.get(type);
    if (known !== undefined) return known;
    const made = definition.lanes(type);
    lanesOf.set(type, made);
    return made;
  };
  const places = new WindowPlaces((name) => definition.laneNamed(name));
  const placeOf = (name: string, at: number, { config, tenant, device }: FailedTimerContext<FoldSlot<Acc>>) => {
    const timer = name.startsWith(EARLY_TIMER) ? name.slice(EARLY_TIMER.length) : name;
    return places.ofTimer(timer, at, definition.allowedLatenessMs(config.deviceType(tenant, device)));
  };
  return {
    state: z.union([
      z.object({
        kind: z.literal("window"),
        closed: z.boolean(),
        acc: definition.acc,
        early: z.object({ at: z.number(), armed: z.boolean() }).exactOptional(),
      }),
      z.object({ kind: z.literal("horizon"), expiredTo: z.number() }),
    ]),
    onInput(reading, context) {
      const type = context.config.deviceType(context.tenant, context.device);
      const allowedLatenessMs = definition.allowedLatenessMs(type);
      const droppedFrom: WindowLane[] = [];
      for (const lane of lanes(type)) {
        let dropped = false;
        for (const window of lane.windowsOf(reading.ts)) {
          const place = places.of(lane, window, allowedLatenessMs);
          dropped = !addToWindow(definition, place, reading, context) || dropped;
        }
        if (dropped) droppedFrom.push(lane);
      }
      if (droppedFrom.length > 0) emitDropped(reading, droppedFrom, context);
    },
    onTimer(name, at, context) {
      const isEarly = name.startsWith(EARLY_TIMER);
      const place = placeOf(name, at, context);
      if (place === null) return;
      const slot = context.state.get(place.slot);
      if (slot?.kind !== "window") return;
      // Of a window of another lane only the last timer tells when it ends.
      if (isEarly && place.horizon === null) return;
      if (isEarly) emitEarly(definition, place, at, slot, context);
      else if (slot.closed) expire(place, context);
      else close(definition, place, slot, context);
    },
    onTimerFailed(name, at, context) {
      const isEarly = name.startsWith(EARLY_TIMER);
      const place = placeOf(name, at, context);
      const slot = place === null ? undefined : context.state.get(place.slot);
      if (place === null || slot?.kind !== "window") return;
      // Changes in place are undone there: what is kept from here on is another one.
      const acc = definition.copy?.(slot.acc) ?? slot.acc;
      if (isEarly && slot.closed) return;
      if (isEarly) context.state.set(place.slot, { kind: "window", closed: false, acc, early: { at, armed: false } });
      else if (slot.closed || place.allowedLatenessMs === 0) expire(place, context);
      else keepClosed(place, acc, context);
    },
  };
}

type WindowSlot<Acc> = Extract<FoldSlot<Acc>, { kind: "window" }>;
type Context<Acc> = StreamContext<FoldSlot<Acc>>;
type Keeping<Acc> = Pick<Context<Acc>, "state" | "timers">;

const EARLY = { kind: "early" } as const;
const CLOSE = { kind: "close" } as const;

/** False when the reading came too late for the window. */
function addToWindow<In extends FoldInput, Acc>(
  definition: WindowFoldDefinition<In, Acc>,
  place: WindowPlace,
  reading: In,
  context: Context<Acc>,
): boolean {
  const { state, timers, watermark } = context;
  const { window, allowedLatenessMs } = place;
  const { end } = window;
  const name = place.slot;
  const slot = state.get(name);
  const known = slot?.kind === "window" ? slot : undefined;
  // Where a result has failed, releases before this one left the window open without a timer.
  const isOpen = known?.closed === false && end > watermark;
  const before = known === undefined ? undefined : definition.copy?.(known.acc);
  const acc = definition.add(known?.acc, reading, window);
  if (acc === undefined) return true;
  if (known !== undefined && before !== undefined && acc === known.acc) {
    state.changed(name, { ...known, acc: before });
    if (isOpen && definition.earlyMs === null) return true;
  }
  if (isOpen) {
    state.set(name, openSlot(definition, place, acc, known.early, context));
    return true;
  }
  if (known !== undefined) {
    const kept = definition.emit(acc, window, { kind: "late", reading }, context);
    state.set(name, { kind: "window", closed: true, acc: kept });
    if (!known.closed) timers.set(place.timer, Math.max(end + allowedLatenessMs, watermark + 1));
    return true;
  }
  if (end <= expiredTo(place, context) || end + allowedLatenessMs <= watermark) return false;
  if (end <= watermark) {
    const kept = definition.emit(acc, window, { kind: "late", reading }, context);
    state.set(name, { kind: "window", closed: true, acc: kept });
    timers.set(place.timer, end + allowedLatenessMs);
  } else {
    state.set(name, openSlot(definition, place, acc, undefined, context));
    timers.set(place.timer, end);
  }
  return true;
}

/** An open window that has just changed: it will be emitted early at the next time for that. */
function openSlot<In extends FoldInput, Acc>(
  { earlyMs }: WindowFoldDefinition<In, Acc>,
  place: WindowPlace,
  acc: Acc,
  early: Early | undefined,
  context: Context<Acc>,
): WindowSlot<Acc> {
  if (earlyMs === null) return { kind: "window", closed: false, acc };
  if (early?.armed === true && early.at > context.watermark) return { kind: "window", closed: false, acc, early };
  const { start, end } = place.window;
  const come = Math.max(start, context.watermark, early?.at ?? start);
  const at = start + (Math.floor((come - start) / earlyMs) + 1) * earlyMs;
  if (at < end) context.timers.set(place.earlyTimer, at);
  return { kind: "window", closed: false, acc, early: { at, armed: at < end } };
}

function emitEarly<In extends FoldInput, Acc>(
  definition: WindowFoldDefinition<In, Acc>,
  place: WindowPlace,
  at: number,
  slot: WindowSlot<Acc>,
  context: Context<Acc>,
): void {
  if (slot.closed) return;
  const acc = emitOpen(definition, place, slot, EARLY, context);
  context.state.set(place.slot, { kind: "window", closed: false, acc, early: { at, armed: false } });
}

function close<In extends FoldInput, Acc>(
  definition: WindowFoldDefinition<In, Acc>,
  place: WindowPlace,
  slot: WindowSlot<Acc>,
  context: Context<Acc>,
): void {
  const kept = emitOpen(definition, place, slot, CLOSE, context);
  if (slot.early?.armed === true) context.timers.clear(place.earlyTimer);
  if (place.allowedLatenessMs === 0) {
    expire(place, context);
    return;
  }
  keepClosed(place, kept, context);
}

/** Keeps a window for late readings. */
function keepClosed<Acc>(place: WindowPlace, acc: Acc, { state, timers }: Keeping<Acc>): void {
  state.set(place.slot, { kind: "window", closed: true, acc });
  timers.set(place.timer, place.window.end + place.allowedLatenessMs);
}

/** Emits a window that nothing has been noted of in this step: it may change in place. */
function emitOpen<In extends FoldInput, Acc>(
  definition: WindowFoldDefinition<In, Acc>,
  place: WindowPlace,
  slot: WindowSlot<Acc>,
  cause: EmitCause<In>,
  context: Context<Acc>,
): Acc {
  const before = definition.copy?.(slot.acc);
  if (before !== undefined) context.state.changed(place.slot, { ...slot, acc: before });
  return definition.emit(slot.acc, place.window, cause, context);
}

function expire<Acc>(place: WindowPlace, context: Keeping<Acc>): void {
  context.state.delete(place.slot);
  // No reading can open it again.
  if (place.horizon === null) return;
  const to = Math.max(expiredTo(place, context), place.window.end);
  context.state.set(place.horizon, { kind: "horizon", expiredTo: to });
}

function expiredTo<Acc>(place: WindowPlace, context: Keeping<Acc>): number {
  const slot = place.horizon === null ? undefined : context.state.get(place.horizon);
  // 0 is before every event time that can be: they begin in 2000.
  return slot?.kind === "horizon" ? slot.expiredTo : 0;
}

/** Tells of a reading that found its window gone, and counts it. */
export function emitDropped<Slot>(
  { tenant, device, ts, received }: FoldInput,
  lanes: readonly Pick<WindowLane, "label">[],
  context: StreamContext<Slot>,
): void {
  const sizes = lanes.map(({ label }) => label).join(", ");
  const detail = `came after its window had been let go (window size ${sizes})`;
  context.emit("device-events", { v: 1, tenant, device, kind: "late-dropped", ts, received, detail });
  context.count("lateDropped");
}
