import { LIMITS } from "../core/limits.ts";
import type { FetchedSlice } from "../core/event-log.ts";

/**
 * When the units of a stage's partitions are closed. One that keeps up closes them soon, so that what it makes is soon visible. One that is behind closes
 * them seldom: a unit holds each key's state once, however often it has changed, so that fewer units are far fewer bytes.
 */
export class CommitPace {
  private readonly now: () => number;
  private committedAt = -Infinity;
  private isBehind = false;

  /** `now` gives ms, and never goes back. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** What was read says whether there is more than fits into one read. */
  polled(slices: readonly FetchedSlice[]): void {
    let bytes = 0;
    for (const { records } of slices) for (const { value } of records) bytes += value.length;
    // A read ends with the record that fills it; keys and headers count there and not here.
    this.isBehind = bytes >= LIMITS.fetchBytesMax / 4;
  }

  committed(): void {
    this.committedAt = this.now();
  }

  /** True when units have been open for long enough, whatever there is to read. */
  get isCommitDue(): boolean {
    return this.now() - this.committedAt >= (this.isBehind ? LIMITS.unitBehindMs : LIMITS.unitBacklogMs);
  }

  /** True when, in the middle of what was read, units have been open and others of the thread have waited for long enough. */
  get isBreathDue(): boolean {
    return this.now() - this.committedAt >= LIMITS.unitBehindMs;
  }

  /** How long to wait for more before units that hold something are closed: not at all after a quiet while, so that a lone message is quick. */
  get waitMs(): number {
    return Math.max(0, LIMITS.unitIdleMs - (this.now() - this.committedAt));
  }
}
