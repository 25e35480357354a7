import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";
import type { KeyState } from "./key-state.ts";
import type { JoinPlace } from "./side-times.ts";

/** A message, and what it is besides its bytes: a reading or what is to be joined, where the stage reads those; else both are null. */
export interface MessageInput {
  readonly key: KeyState;
  readonly record: LogRecord;
  readonly reading: Reading | null;
  readonly joined: (JoinPlace & { readonly value: Repartitioned }) | null;
}

/** How far the timers of a message have come within it. */
export class MessageTimers {
  /** Readings handed on so far, and timers fired by them. */
  readings = 0;
  fired = 0;
  /** The watermark that the first reading has reached, when its timers are too many to fire within the message. */
  overdue: number | null = null;

  reset(): void {
    this.readings = 0;
    this.fired = 0;
    this.overdue = null;
  }
}
