import type { Clock } from "../core/clock.ts";

export interface BreakerLimits {
  /** How many of the last records are looked at, and how many there must be. */
  readonly windowRecords: number;
  readonly recordsMin: number;
  /** How many are worked on trial after a pause. */
  readonly trialRecords: number;
  /** The first pause, and the longest: each that follows a trial that failed is twice as long. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
}

export type BreakerState = "closed" | "open" | "trying";

/**
 * Pauses a stage whose records mostly die, so that a function that was deployed with a mistake, or a mistake in what it reads, does not
 * send everything to the dead letters. After a pause a few records are tried. It decides when records are worked, never what comes of
 * them.
 */
export class Breaker {
  private readonly limits: BreakerLimits;
  private readonly clock: Clock;
  /** Of the last records, the oldest first: whether it died. */
  private recent: boolean[] = [];
  private died = 0;
  private now: BreakerState = "closed";
  private pauseMs: number;
  private resumesAt = -Infinity;

  /** `clock`: monotonic milliseconds. */
  constructor(limits: BreakerLimits, clock: Clock) {
    this.limits = limits;
    this.clock = clock;
    this.pauseMs = limits.pauseMs;
  }

  get state(): BreakerState {
    return this.now;
  }

  /** Of the last records, how many died: while it is open those that made it so. */
  get recentDeaths(): { readonly died: number; readonly of: number } {
    return { died: this.died, of: this.recent.length };
  }

  /** How long to wait until the next record may be worked; 0 when it may be now. */
  waitMs(): number {
    if (this.now !== "open") return 0;
    const leftMs = this.resumesAt - this.clock.now();
    if (leftMs > 0) return leftMs;
    this.now = "trying";
    this.forget();
    return 0;
  }

  /** A record was worked. */
  settled(died: boolean): void {
    this.recent.push(died);
    if (died) this.died += 1;
    if (this.recent.length > this.limits.windowRecords && this.recent.shift() === true) this.died -= 1;
    if (this.now === "trying") this.judgeTrial();
    else if (this.now === "closed" && this.recent.length >= this.limits.recordsMin && this.mostDied()) this.open();
  }

  /** Closes it: what has opened it is about to be over. */
  reset(): void {
    this.now = "closed";
    this.pauseMs = this.limits.pauseMs;
    this.forget();
  }

  private judgeTrial(): void {
    if (this.recent.length < this.limits.trialRecords) return;
    if (this.mostDied()) {
      this.pauseMs = Math.min(this.limits.pauseMsMax, this.pauseMs * 2);
      this.open();
    } else {
      this.reset();
    }
  }

  private mostDied(): boolean {
    return this.died * 2 > this.recent.length;
  }

  private open(): void {
    this.now = "open";
    this.resumesAt = this.clock.now() + this.pauseMs;
  }

  private forget(): void {
    this.recent = [];
    this.died = 0;
  }
}
