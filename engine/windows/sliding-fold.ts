import { z } from "zod";
import { LIMITS } from "../../core/limits.ts";
import { emitDropped } from "./window-fold.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { FailedTimerContext, StreamContext } from "../../core/function.ts";
import type { FoldInput } from "./window-fold.ts";
import type { Window } from "./window-lanes.ts";

/** For each reading the readings of the last `sizeMs` up to it: those with event times in (ts − size, ts]. */
export interface SlidingFoldDefinition<In extends FoldInput, Item> {
  readonly item: z.ZodType<Item>;
  readonly label: string;
  readonly sizeMs: number;
  allowedLatenessMs(type: DeviceType): number;
  /** What is kept of a reading. */
  keep(reading: In): Item;
  /** `items` by event time, then by arrival; the reading's own is among them. */
  emit(items: readonly TimedItem<Item>[], window: Window, reading: In, context: StreamContext<SlidingSlot<Item>>): void;
}

export type TimedItem<Item> = readonly [ts: number, item: Item];

/** The readings of a stretch of time, or how far stretches have been let go. */
export type SlidingSlot<Item> =
  | { readonly kind: "pane"; readonly items: readonly TimedItem<Item>[] }
  | { readonly kind: "horizon"; readonly expiredTo: number };

export interface SlidingFold<In, Item> {
  readonly state: z.ZodType<SlidingSlot<Item>>;
  onInput(reading: In, context: StreamContext<SlidingSlot<Item>>): void;
  onTimer(name: string, at: number, context: Keeping<Item>): void;
  onTimerFailed(name: string, at: number, context: Keeping<Item>): void;
}

type Context<Item> = StreamContext<SlidingSlot<Item>>;
/** All that is needed to let panes go. */
type Keeping<Item> = FailedTimerContext<SlidingSlot<Item>>;

const PANE = "p/";
const HORIZON = "horizon";
const EXPIRY = "expiry";
/** A reading rewrites its pane, which is this part of a window. */
const PANES_PER_WINDOW = 16;

/**
 * Sliding windows per device: every reading is answered at once with what has come by then, and never again. A late reading within
 * allowedLateness is answered too, and counts for those that come after it; a later one goes to `device-events`.
 */
export function createSlidingFold<In extends FoldInput, Item>(
  definition: SlidingFoldDefinition<In, Item>,
): SlidingFold<In, Item> {
  const { sizeMs } = definition;
  const paneMs = Math.max(1, Math.ceil(sizeMs / PANES_PER_WINDOW));
  /** When no reading that may still come reaches back to the pane. */
  const dueOf = (pane: number, context: Keeping<Item>): number => {
    const { config, tenant, device } = context;
    return pane + paneMs + sizeMs + definition.allowedLatenessMs(config.deviceType(tenant, device));
  };
  const isTooLate = (ts: number, context: Context<Item>): boolean => {
    const { config, tenant, device, watermark } = context;
    const lateness = definition.allowedLatenessMs(config.deviceType(tenant, device));
    return ts + 1 + lateness <= watermark || ts - sizeMs + 1 < expiredTo(context);
  };
  const letGo = (at: number, context: Keeping<Item>): void => {
    let to = expiredTo(context);
    for (const pane of panesOf(context)) {
      const due = dueOf(pane, context);
      if (due > at) {
        context.timers.set(EXPIRY, due);
        break;
      }
      context.state.delete(PANE + pane);
      to = Math.max(to, pane + paneMs);
    }
    context.state.set(HORIZON, { kind: "horizon", expiredTo: to });
  };

  return {
    state: z.union([
      z.object({ kind: z.literal("pane"), items: z.array(z.tuple([z.number(), definition.item])) }),
      z.object({ kind: z.literal("horizon"), expiredTo: z.number() }),
    ]),
    onInput(reading, context) {
      const { ts } = reading;
      if (isTooLate(ts, context)) {
        emitDropped(reading, [definition], context);
        return;
      }
      const pane = Math.floor(ts / paneMs) * paneMs;
      const panes = panesOf(context);
      const items = insert(itemsOf(pane, context), [ts, definition.keep(reading)]);
      context.state.set(PANE + pane, { kind: "pane", items });
      const first = panes[0];
      if (first === undefined || pane < first) context.timers.set(EXPIRY, dueOf(pane, context));
      const all = panes.includes(pane) ? panes : [...panes, pane].sort((a, b) => a - b);
      const within = all.filter((start) => start + paneMs > ts - sizeMs && start <= ts);
      const window = within.flatMap((start) => itemsOf(start, context)).filter(([at]) => at > ts - sizeMs && at <= ts);
      requireRoom(window.length);
      definition.emit(window, { start: ts - sizeMs + 1, end: ts + 1 }, reading, context);
    },
    onTimer: (_name, at, context) => letGo(at, context),
    // It runs no user's code: only a verdict can stand on it.
    onTimerFailed: (_name, at, context) => letGo(at, context),
  };
}

/** Behind those of the same time. */
function insert<Item>(items: readonly TimedItem<Item>[], item: TimedItem<Item>): readonly TimedItem<Item>[] {
  let place = items.length;
  while (place > 0 && (items[place - 1]?.[0] ?? 0) > item[0]) place -= 1;
  return items.toSpliced(place, 0, item);
}

/** The whole window is looked at for every reading. */
function requireRoom(length: number): void {
  const { slidingReadingsMax } = LIMITS;
  if (length <= slidingReadingsMax) return;
  throw new RangeError(
    `a sliding window holds ${length} readings; ${slidingReadingsMax} are allowed: take a shorter one, or hopping()`,
  );
}

function itemsOf<Item>(pane: number, { state }: Context<Item>): readonly TimedItem<Item>[] {
  const slot = state.get(PANE + pane);
  return slot?.kind === "pane" ? slot.items : [];
}

/** Starts, ascending. */
function panesOf<Item>({ state }: Keeping<Item>): readonly number[] {
  const names = state.names().filter((name) => name.startsWith(PANE));
  return names.map((name) => Number(name.slice(PANE.length))).sort((a, b) => a - b);
}

function expiredTo<Item>({ state }: Keeping<Item>): number {
  const slot = state.get(HORIZON);
  return slot?.kind === "horizon" ? slot.expiredTo : 0;
}
