import { z } from "zod";
import type { FailedTimerContext, StreamContext } from "../core/function.ts";
import type { CheckedValue } from "./checked-value.ts";

/** A state as it lies in its slot: the version of its shape, up to when event time had come (with a ttl), the value. */
const keptSchema = z.object({ v: z.int().positive(), at: z.number().exactOptional(), state: z.unknown() });
export type Kept = z.infer<typeof keptSchema>;
export const KEPT_SCHEMA: z.ZodType<Kept> = keptSchema;

const SLOT = "state";
const TTL_TIMER = "ttl";

export interface KeptStateOptions<State> {
  readonly value: CheckedValue<State>;
  readonly version: number;
  /** Null: kept for ever. */
  readonly ttlMs: number | null;
  initial(): State;
}

/** The state of a user's function, one for each device; forgotten after the ttl. */
export class KeptState<State> {
  private readonly options: KeptStateOptions<State>;

  constructor(options: KeptStateOptions<State>) {
    this.options = options;
  }

  read(context: StreamContext<Kept>): State {
    const { value, initial } = this.options;
    const kept = this.live(context);
    return kept === undefined ? value.check(initial(), "initial() returns") : value.read(kept.state, kept.v);
  }

  /** Keeps a new state, or only that there was a reading: `at` is how far event time has come. Nothing of it is undefined. */
  write(state: State | undefined, at: number, context: StreamContext<Kept>): void {
    const { ttlMs, version, value: checked } = this.options;
    const kept = this.live(context);
    if (state === undefined && (kept === undefined || ttlMs === null)) return;
    const value = state === undefined ? kept?.state : checked.check(state, "returns");
    const v = state === undefined ? (kept?.v ?? version) : version;
    if (ttlMs === null) {
      context.state.set(SLOT, { v, state: value });
      return;
    }
    const newest = Math.max(kept?.at ?? 0, at);
    // One timer for the life of the state, set anew when it fires too early: one for each reading would cost as much as the state.
    const set = context.timers.timeOf(TTL_TIMER);
    // There is none, or a late one, where a version before had no ttl or a longer one.
    if (set === null || set > newest + ttlMs) context.timers.set(TTL_TIMER, newest + ttlMs);
    context.state.set(SLOT, { v, at: newest, state: value });
  }

  /** True when the timer was the state's own. */
  onTimer(name: string, at: number, { state, timers }: FailedTimerContext<Kept>): boolean {
    if (name !== TTL_TIMER) return false;
    const { ttlMs } = this.options;
    const kept = state.get(SLOT);
    if (kept?.at === undefined) return true;
    // A version before had a ttl: the next that has one begins anew.
    if (ttlMs === null) state.set(SLOT, { v: kept.v, state: kept.state });
    else if (kept.at + ttlMs > at) timers.set(TTL_TIMER, kept.at + ttlMs);
    else state.delete(SLOT);
    return true;
  }

  /** What is kept, unless it would have been forgotten: a version before may have had no ttl or a longer one. */
  private live({ state, watermark }: StreamContext<Kept>): Kept | undefined {
    const { ttlMs } = this.options;
    const kept = state.get(SLOT);
    const isOver = ttlMs !== null && kept?.at !== undefined && kept.at + ttlMs < watermark;
    return isOver ? undefined : kept;
  }
}
