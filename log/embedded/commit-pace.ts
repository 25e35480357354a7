import { LIMITS } from "../../core/limits.ts";

/** Arrivals per ms at which the linger has its full length. Slower callers gain little from waiting for company. */
const FULL_LINGER_RATE = 20;
/** Weight of the newest group in the running rate. */
const RATE_WEIGHT = 0.2;
/** What a rate counts for the time between two groups at least. */
const GROUP_MS_MIN = 0.05;

/** How long the next group of a commit pipeline may wait for company, by what came with the groups before. */
export class CommitPace {
  private readonly nowMs: () => number;
  private arrivalsPerMs = 0;
  private lastLeftAt: number;
  private lastArrivals = 0;
  /** When the last group landed, if what had come meanwhile was little beside it; null otherwise. */
  private unevenSince: number | null = null;

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
    this.lastLeftAt = nowMs();
  }

  /** A group leaves to be written. One that nobody waits for, which retention asked for, says nothing of callers. */
  left(arrivals: number): void {
    this.unevenSince = null;
    if (arrivals === 0) return;
    const now = this.nowMs();
    const rate = arrivals / Math.max(now - this.lastLeftAt, GROUP_MS_MIN);
    this.arrivalsPerMs += (rate - this.arrivalsPerMs) * RATE_WEIGHT;
    this.lastLeftAt = now;
    this.lastArrivals = arrivals;
  }

  /** The group that left last is written; so many have come meanwhile. */
  landed(waiting: number): void {
    this.unevenSince = waiting * 2 < this.lastArrivals ? this.nowMs() : null;
  }

  /**
   * What is left of the linger, in ms from 0 to `lingerMsMax`. It counts from when the last group left, so that the time of a commit is part of it. A
   * caller that waits for each of its requests is never kept. After a commit that took longer than all of it, it counts from the landing where
   * little came meanwhile: whoever was answered just now is about to send again, and would else wait for a commit of few.
   */
  lingerMs(): number {
    if (this.lastArrivals < 2) return 0;
    const whole = LIMITS.lingerMsMax * Math.min(1, this.arrivalsPerMs / FULL_LINGER_RATE);
    const now = this.nowMs();
    const sinceLeft = now - this.lastLeftAt;
    const since = sinceLeft >= whole && this.unevenSince !== null ? now - this.unevenSince : sinceLeft;
    return Math.min(whole, Math.max(0, whole - since));
  }
}
