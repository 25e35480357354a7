import { LIMITS } from "../core/limits.ts";
import type { Clock } from "../core/clock.ts";
import type { FetchedSlice } from "../core/event-log.ts";

/** What is late by a second is made later by at most a quarter of one. */
const LATENESS_SHARE = 0.25;
/** Of a read that leaves more to read. */
const FULL_SHARE = 0.25;
/** Partitions differ in how long their units stay open, so that those of a stage that is late do not all leave at once. */
const SPREAD = 0.25;
const SPREAD_PLACES = 8;

/**
 * When the units of a stage's partitions are closed. One that keeps up closes them soon, all at once, so that what it makes is soon visible and lands with one
 * sync. One that is late keeps them open for a share of how late it is: a unit holds each key's state once, however often it has changed, so that fewer units
 * are far fewer bytes.
 */
export class CommitPace {
  private readonly monotonic: Clock;
  private readonly clock: Clock | undefined;
  private openMs: number = LIMITS.unitBacklogMs;
  private breathedAt = -Infinity;
  /** When those of all partitions were closed last. */
  private allCommittedAt = -Infinity;
  /** Of partitions whose unit was closed alone since. */
  private readonly committedAt = new Map<number, number>();

  /** `clock`: that of receive times; without it nothing is late. */
  constructor(monotonic: Clock, clock?: Clock) {
    this.monotonic = monotonic;
    this.clock = clock;
  }

  /**
   * What was read says how late the stage is. Only one that finds much to read is: records of a stage that keeps up are old where clocks differ, and where a
   * replay writes them.
   */
  polled(slices: readonly FetchedSlice[]): void {
    let oldest = Infinity;
    let bytes = 0;
    for (const { records } of slices) {
      oldest = Math.min(oldest, records[0]?.timestamp ?? Infinity);
      for (const { value } of records) bytes += value.length;
    }
    // A read ends with the record that fills it; keys and headers count there and not here.
    const isBehind = this.clock !== undefined && bytes >= LIMITS.fetchBytesMax * FULL_SHARE;
    const lateMs = isBehind ? this.clock.now() - oldest : 0;
    this.openMs = Math.min(LIMITS.unitLateMs, Math.max(LIMITS.unitBacklogMs, lateMs * LATENESS_SHARE));
  }

  committed(partition: number): void {
    this.committedAt.set(partition, this.monotonic.now());
  }

  allCommitted(): void {
    this.allCommittedAt = this.monotonic.now();
    this.committedAt.clear();
  }

  /** True when the unit of this partition has been open for long enough, whatever there is to read. */
  isDue(partition: number): boolean {
    const now = this.monotonic.now();
    if (!this.isLate) return now - this.allCommittedAt >= this.openMs;
    const shorter = (SPREAD * (partition % SPREAD_PLACES)) / SPREAD_PLACES;
    return now - (this.committedAt.get(partition) ?? this.allCommittedAt) >= this.openMs * (1 - shorter);
  }

  /** True when units stay open for longer than others of the thread may wait. */
  get isLate(): boolean {
    return this.openMs > LIMITS.stageBreathMs;
  }

  breathed(): void {
    this.breathedAt = this.monotonic.now();
  }

  /** True when, in the middle of what was read, others of the thread have waited for long enough. */
  get isBreathDue(): boolean {
    return this.monotonic.now() - Math.max(this.breathedAt, this.allCommittedAt) >= LIMITS.stageBreathMs;
  }

  /** How long to wait for more before units that hold something are closed: not at all after a quiet while, so that a lone message is quick. */
  get waitMs(): number {
    return Math.max(0, LIMITS.unitIdleMs - (this.monotonic.now() - this.allCommittedAt));
  }
}
