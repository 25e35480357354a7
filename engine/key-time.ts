import { z } from "zod";
import { parseState, type SlotKeeper, type TouchableSlot } from "./state-slots.ts";
import type { Slot } from "../core/commit-unit.ts";

const keyTimeSchema = z.object({
  /** Newest event time seen; null before the first reading. */
  n: z.number().nullable(),
  /** Receive time of the reading that brought it. */
  r: z.number(),
  /** The greatest `upTo` of a flush; null without one. */
  f: z.number().nullable(),
});

export const TIME_FUNCTION = "$time";

/** No event time: earlier than all that can be. */
const NONE = -Infinity;

/**
 * How far the time of a key has come. Every message moves it: so it changes in place, and leaves nothing behind for the collector of garbage.
 */
export class KeyTime implements TouchableSlot {
  touched = false;
  bytes = 0;
  step = -1;
  present = false;
  /** Newest event time seen, UTC ms; -Infinity before the first reading. */
  newest = NONE;
  /** Receive time of the reading that brought it, UTC ms. */
  receivedAt = 0;
  /** The greatest `upTo` of a flush, UTC ms; -Infinity without one. */
  flushedTo = NONE;
  private readonly keeper: SlotKeeper;
  private readonly key: string;

  constructor(keeper: SlotKeeper, key: string) {
    this.keeper = keeper;
    this.key = key;
  }

  /** A reading has come: the newest one is what the time goes by. */
  advance(ts: number, receivedAt: number): void {
    if (ts <= this.newest) return;
    this.change();
    this.newest = ts;
    this.receivedAt = receivedAt;
  }

  /** False when a flush has come as far already. `receivedAt`: of a key without any reading. */
  flush(upTo: number, receivedAt: number): boolean {
    if (upTo <= this.flushedTo) return false;
    const { present } = this;
    this.change();
    if (!present) this.receivedAt = receivedAt;
    this.flushedTo = upTo;
    return true;
  }

  erase(): void {
    if (!this.present) return;
    this.change();
    this.clear();
  }

  private change(): void {
    const { undo } = this.keeper;
    undo.record(putFlushBack, this, this.flushedTo, this.present);
    undo.record(putTimesBack, this, this.newest, this.receivedAt);
    this.keeper.touch(this, 0);
    this.present = true;
  }

  private clear(): void {
    this.present = false;
    this.newest = NONE;
    this.receivedAt = 0;
    this.flushedTo = NONE;
  }

  restore(text: string | null): void {
    this.clear();
    if (text === null) return;
    const { n, r, f } = parseState(keyTimeSchema, text, TIME_FUNCTION, this.key, "");
    this.present = true;
    this.newest = n ?? NONE;
    this.receivedAt = r;
    this.flushedTo = f ?? NONE;
  }

  toSlot(): Slot {
    return { fn: TIME_FUNCTION, key: this.key, name: "", value: this.present ? this.text() : null };
  }

  private text(): string {
    return `{"n":${orNull(this.newest)},"r":${this.receivedAt},"f":${orNull(this.flushedTo)}}`;
  }

  settle(): void {
    // There is one for each key: an empty one stays.
  }
}

function orNull(time: number): string {
  return time === NONE ? "null" : String(time);
}

function putFlushBack(time: KeyTime, flushedTo: number, present: boolean): void {
  time.flushedTo = flushedTo;
  time.present = present;
}

function putTimesBack(time: KeyTime, newest: number, receivedAt: number): void {
  time.newest = newest;
  time.receivedAt = receivedAt;
}
