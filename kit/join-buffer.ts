import { z } from "zod";
import { JOIN_SIDES } from "../core/derived-records.ts";
import { LIMITS } from "../core/limits.ts";
import { metricNameSchema, metricValueSchema } from "../core/schemas.ts";
import type { JoinSide, Repartitioned } from "../core/derived-records.ts";
import type { FailedTimerContext, StreamContext } from "../core/function.ts";

const keptSchema = z.object({
  /** Counts what was kept of this key: with it a reading is found again. */
  n: z.int(),
  device: z.string(),
  ts: z.number(),
  received: z.number(),
  metrics: z.record(metricNameSchema, metricValueSchema),
  /** True when it has met a partner. */
  met: z.boolean(),
});
export type KeptReading = z.infer<typeof keptSchema>;

/** The readings of a stretch of time of one side, or how many are kept in all. */
const joinSlotSchema = z.union([
  z.object({ kind: z.literal("pane"), items: z.array(keptSchema).readonly() }),
  z.object({ kind: z.literal("sizes"), next: z.int(), left: z.int(), right: z.int() }),
]);
export type JoinSlot = z.infer<typeof joinSlotSchema>;
export const JOIN_SLOT_SCHEMA: z.ZodType<JoinSlot> = joinSlotSchema;
type Sizes = Extract<JoinSlot, { kind: "sizes" }>;
type Context = StreamContext<JoinSlot>;

export interface JoinBounds {
  /** A right reading is a partner of a left one when its event time is from so much before to so much after. */
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly latenessMs: number;
  /** Sides whose readings have a result of their own when no partner comes. */
  readonly outer: Readonly<Record<JoinSide, boolean>>;
  /** Stands in the names of slots: what another version has kept is not read, and let go in its time. */
  readonly version: number;
}

const SIZES = "sizes";
/** A timer: of a key of which nothing is kept, not even its time is remembered after a while. */
const FORGET = "forget";
/** A reading rewrites its pane, which is this part of the time between the earliest and the latest partner. */
const PANES = 8;
const [OUTER_TIMER, PANE_TIMER] = ["o", "p"];

/** A reading, and where it lies. */
export interface Place {
  readonly side: JoinSide;
  readonly pane: number;
}

/**
 * What a join keeps of one key: each reading until no partner of it can come any more. A pane is let go as a whole; a reading that is to have a
 * result of its own has a timer, and is gone with it.
 */
export class JoinBuffer {
  private readonly bounds: JoinBounds;
  private readonly paneMs: number;

  constructor(bounds: JoinBounds) {
    this.bounds = bounds;
    this.paneMs = Math.ceil((bounds.beforeMs + bounds.afterMs + 1) / PANES);
  }

  /** The partners of a reading that are kept, by event time, then by arrival. */
  partners({ side, ts }: Pick<Repartitioned, "side" | "ts">, { state }: Context): (KeptReading & Place)[] {
    const other = otherSide(side);
    const { from, to } = this.partnerTimes(side, ts);
    const found: (KeptReading & Place)[] = [];
    for (let pane = this.paneOf(from); pane <= to; pane += this.paneMs) {
      for (const item of this.itemsAt({ side: other, pane }, state)) {
        if (item.ts >= from && item.ts <= to) found.push({ ...item, side: other, pane });
      }
    }
    return found.sort((a, b) => a.ts - b.ts || a.n - b.n);
  }

  /** Notes that kept readings have met a partner. */
  meet(partners: readonly (KeptReading & Place)[], context: Context): void {
    for (const { side, pane, n, met } of partners) {
      if (met || !this.bounds.outer[side]) continue;
      const items = this.itemsAt({ side, pane }, context.state);
      this.write(
        { side, pane },
        items.map((item) => (item.n === n ? { ...item, met: true } : item)),
        context,
      );
      context.timers.clear(this.timerName({ side, pane }, n));
    }
  }

  /** False when there is no room. */
  keep({ side, device, ts, received, metrics }: Repartitioned, met: boolean, context: Context): boolean {
    const sizes = this.sizes(context);
    if (sizes[side] >= LIMITS.joinReadingsPerSideMax) return false;
    const place = { side, pane: this.paneOf(ts) };
    const items = this.itemsAt(place, context.state);
    const n = sizes.next;
    this.write(place, [...items, { n, device, ts, received, metrics, met }], context);
    context.state.set(this.slotName(SIZES), { ...sizes, next: n + 1, [side]: sizes[side] + 1 });
    context.timers.clear(this.slotName(FORGET));
    if (items.length === 0) context.timers.set(this.timerName(place), this.dueAt(side, place.pane + this.paneMs - 1));
    if (this.bounds.outer[side] && !met) context.timers.set(this.timerName(place, n), this.dueAt(side, ts));
    return true;
  }

  /** Lets go what is due, also of another version: the reading when it is one that has met no partner. */
  onTimer(name: string, at: number, context: FailedTimerContext<JoinSlot>): (KeptReading & Place) | null {
    if (name.endsWith(`/${FORGET}`)) {
      forgetSizes(name.slice(0, -FORGET.length), context);
      return null;
    }
    const [kind, version, side, pane, n] = name.split("/");
    const place = placeOf(side, Number(pane));
    if (place === null) return null;
    const slot = paneName(Number(version), place);
    const kept = context.state.get(slot);
    const items = kept?.kind === "pane" ? kept.items : [];
    if (kind === PANE_TIMER) {
      context.state.delete(slot);
      this.takeAway(Number(version), place.side, items.length, at, context);
      return null;
    }
    const item = items.find((one) => one.n === Number(n));
    if (item === undefined || Number(version) !== this.bounds.version) return null;
    this.write(
      place,
      items.filter((one) => one !== item),
      context,
    );
    this.takeAway(this.bounds.version, place.side, 1, at, context);
    return { ...item, ...place };
  }

  /** The partners of a left reading lie from `before` to `after` around it, those of a right one the other way round. */
  private partnerTimes(side: JoinSide, ts: number): { readonly from: number; readonly to: number } {
    const { beforeMs, afterMs } = this.bounds;
    return side === "left" ? { from: ts - beforeMs, to: ts + afterMs } : { from: ts - afterMs, to: ts + beforeMs };
  }

  /** The first ms of watermark at which no partner of a reading at `ts` can come that is not too late. */
  private dueAt(side: JoinSide, ts: number): number {
    return this.partnerTimes(side, ts).to + this.bounds.latenessMs + 1;
  }

  private paneOf(ts: number): number {
    return Math.floor(ts / this.paneMs) * this.paneMs;
  }

  private itemsAt(place: Place, state: Context["state"]): readonly KeptReading[] {
    const slot = state.get(paneName(this.bounds.version, place));
    return slot?.kind === "pane" ? slot.items : [];
  }

  private write(place: Place, items: readonly KeptReading[], { state }: Pick<Context, "state">): void {
    state.set(paneName(this.bounds.version, place), { kind: "pane", items });
  }

  private sizes({ state }: Pick<Context, "state">, version = this.bounds.version): Sizes {
    const slot = state.get(`${version}/${SIZES}`);
    return slot?.kind === "sizes" ? slot : { kind: "sizes", next: 0, left: 0, right: 0 };
  }

  private takeAway(
    version: number,
    side: JoinSide,
    count: number,
    at: number,
    context: Pick<Context, "state" | "timers">,
  ): void {
    const { state, timers } = context;
    const sizes = this.sizes(context, version);
    const left = { ...sizes, [side]: Math.max(0, sizes[side] - count) };
    state.set(`${version}/${SIZES}`, left);
    // What another version counts may be more than there is: releases before this one took nothing away from it.
    const isEmpty =
      version === this.bounds.version ? left.left === 0 && left.right === 0 : !hasPanes(`${version}/`, state);
    if (isEmpty) timers.set(`${version}/${FORGET}`, at + LIMITS.joinKeyIdleMs);
  }

  private slotName(name: string): string {
    return `${this.bounds.version}/${name}`;
  }

  private timerName(place: Place, n?: number): string {
    const name = paneName(this.bounds.version, place);
    return n === undefined ? `${PANE_TIMER}/${name}` : `${OUTER_TIMER}/${name}/${n}`;
  }
}

export function otherSide(side: JoinSide): JoinSide {
  return side === "left" ? "right" : "left";
}

function hasPanes(prefix: string, state: Context["state"]): boolean {
  return state.names().some((name) => name.startsWith(prefix) && !name.endsWith(`/${SIZES}`));
}

/** Also of other versions, when there are only sizes: releases before this one kept them for ever. */
function forgetSizes(prefix: string, { state }: Pick<Context, "state">): void {
  state.delete(prefix + SIZES);
  if (!hasPanes("", state)) for (const name of state.names()) state.delete(name);
}

function paneName(version: number, { side, pane }: Place): string {
  return `${version}/${side}/${pane}`;
}

function placeOf(side: string | undefined, pane: number): Place | null {
  const known = JOIN_SIDES.find((one) => one === side);
  return known === undefined || !Number.isFinite(pane) ? null : { side: known, pane };
}
