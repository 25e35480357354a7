import { z } from "zod";
import type { DeviceType } from "../core/device-type.ts";
import type { StreamContext } from "../core/function.ts";
import type { Reading } from "../core/derived-records.ts";

/** [start, start + size), event time. */
export interface Window {
  readonly start: number;
  readonly size: number;
}

/** A tumbling-window fold: what to keep of the readings of one window, and what to emit of it. */
export interface WindowFoldDefinition<Acc> {
  readonly acc: z.ZodType<Acc>;
  /** Sizes in ms. */
  sizesMs(type: DeviceType): readonly number[];
  /** Undefined when nothing of the reading concerns the fold. */
  add(acc: Acc | undefined, reading: Reading, window: Window): Acc | undefined;
  /**
   * Emits the window: with `late` null when it closes, else because that late reading changed it. Returns what to keep from here on,
   * so that the fold can count revisions.
   */
  emit(acc: Acc, window: Window, late: Reading | null, context: StreamContext<FoldSlot<Acc>>): Acc;
}

/** A window (open, or closed and waiting for late readings), or how far windows of a size have been let go. */
export type FoldSlot<Acc> =
  | { readonly kind: "window"; readonly closed: boolean; readonly acc: Acc }
  | { readonly kind: "horizon"; readonly expiredTo: number };

/** The parts of a `defineStream` that folds readings into windows. */
export interface WindowFold<Acc> {
  readonly state: z.ZodType<FoldSlot<Acc>>;
  onInput(reading: Reading, context: StreamContext<FoldSlot<Acc>>): void;
  onTimer(name: string, at: number, context: StreamContext<FoldSlot<Acc>>): void;
}

/**
 * Tumbling windows per device and size. A window closes when the watermark reaches its end, stays for allowedLateness, and is then
 * let go.
 *
 * A late reading emits its window again at once, with the next revision. That depends on the readings alone, as a timer in
 * partition time would, but the newest truth is never held back, and no timer has to be kept for it; the price is one revision per
 * late reading instead of one per burst. A reading later than allowedLateness goes to `device-events`.
 *
 * Silence closes only windows that are there: a device that uploads what it buffered opens windows that nobody has seen yet, and
 * finds late only what belongs to one that was emitted.
 */
export function createWindowFold<Acc>(definition: WindowFoldDefinition<Acc>): WindowFold<Acc> {
  return {
    state: z.union([
      z.object({ kind: z.literal("window"), closed: z.boolean(), acc: definition.acc }),
      z.object({ kind: z.literal("horizon"), expiredTo: z.number() }),
    ]),
    onInput(reading, context) {
      const type = context.config.deviceType(context.tenant, context.device);
      const droppedFrom: number[] = [];
      for (const size of definition.sizesMs(type)) {
        const window = { start: Math.floor(reading.ts / size) * size, size };
        if (!addToWindow(definition, window, reading, type.allowedLatenessMs, context)) droppedFrom.push(size);
      }
      if (droppedFrom.length > 0) emitDropped(reading, droppedFrom, context);
    },
    onTimer(name, _at, context) {
      const window = parseWindow(name);
      if (window === null) return;
      const slot = context.state.get(windowSlot(window));
      if (slot?.kind !== "window") return;
      if (slot.closed) expire(window, context);
      else close(definition, window, slot.acc, context);
    },
  };
}

/** False when the reading came too late for the window. */
function addToWindow<Acc>(
  definition: WindowFoldDefinition<Acc>,
  window: Window,
  reading: Reading,
  allowedLatenessMs: number,
  context: StreamContext<FoldSlot<Acc>>,
): boolean {
  const { state, timers, watermark } = context;
  const name = windowSlot(window);
  const end = window.start + window.size;
  const slot = state.get(name);
  const known = slot?.kind === "window" ? slot : undefined;
  const acc = definition.add(known?.acc, reading, window);
  if (acc === undefined) return true;
  if (known?.closed === false) {
    state.set(name, { kind: "window", closed: false, acc });
    return true;
  }
  if (known !== undefined) {
    state.set(name, { kind: "window", closed: true, acc: definition.emit(acc, window, reading, context) });
    return true;
  }
  if (end <= expiredTo(window.size, context) || end + allowedLatenessMs <= watermark) return false;
  if (end <= watermark) {
    state.set(name, { kind: "window", closed: true, acc: definition.emit(acc, window, reading, context) });
    timers.set(timerName(window), end + allowedLatenessMs);
  } else {
    state.set(name, { kind: "window", closed: false, acc });
    timers.set(timerName(window), end);
  }
  return true;
}

function close<Acc>(
  definition: WindowFoldDefinition<Acc>,
  window: Window,
  acc: Acc,
  context: StreamContext<FoldSlot<Acc>>,
): void {
  const { allowedLatenessMs } = context.config.deviceType(context.tenant, context.device);
  const kept = definition.emit(acc, window, null, context);
  if (allowedLatenessMs === 0) {
    expire(window, context);
    return;
  }
  context.state.set(windowSlot(window), { kind: "window", closed: true, acc: kept });
  context.timers.set(timerName(window), window.start + window.size + allowedLatenessMs);
}

function expire<Acc>(window: Window, context: StreamContext<FoldSlot<Acc>>): void {
  const end = window.start + window.size;
  context.state.delete(windowSlot(window));
  const to = Math.max(expiredTo(window.size, context), end);
  context.state.set(horizonSlot(window.size), { kind: "horizon", expiredTo: to });
}

function expiredTo<Acc>(size: number, context: StreamContext<FoldSlot<Acc>>): number {
  const slot = context.state.get(horizonSlot(size));
  // 0 is before every event time that can be: they begin in 2000.
  return slot?.kind === "horizon" ? slot.expiredTo : 0;
}

function emitDropped<Acc>(reading: Reading, sizes: readonly number[], context: StreamContext<FoldSlot<Acc>>): void {
  const { tenant, device, ts, received } = reading;
  const seconds = sizes.map((size) => `${size / 1000} s`).join(", ");
  const detail = `came after its window had been let go (window size ${seconds})`;
  context.emit("device-events", { v: 1, tenant, device, kind: "late-dropped", ts, received, detail });
  context.count("lateDropped");
}

function timerName({ size, start }: Window): string {
  return `${size}/${start}`;
}

function windowSlot(window: Window): string {
  return `w/${timerName(window)}`;
}

function horizonSlot(size: number): string {
  return `h/${size}`;
}

function parseWindow(name: string): Window | null {
  const [size = NaN, start = NaN] = name.split("/").map(Number);
  return Number.isSafeInteger(size) && Number.isSafeInteger(start) ? { size, start } : null;
}
