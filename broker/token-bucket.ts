/**
 * A rate with a burst. Times come from a monotonic clock, ms. While the level is 1 or more something may pass; what passes may be larger
 * than the level, and is paid back before the next: so at most burst + rate × time passes, and less than one such thing besides.
 */
export class TokenBucket {
  level: number;
  readonly burst: number;
  readonly #perMs: number;
  #filledAt: number;

  /** The burst is 1 at least: with less nothing could ever pass. */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.burst = Math.max(1, burst);
    this.level = this.burst;
    this.#perMs = perSecond / 1000;
    this.#filledAt = nowMs;
  }

  refill(nowMs: number): void {
    if (nowMs <= this.#filledAt) return;
    this.level = Math.min(this.burst, this.level + (nowMs - this.#filledAt) * this.#perMs);
    this.#filledAt = nowMs;
  }

  /** How long until something may pass, if nothing does meanwhile; counted from the last refill. */
  get waitMs(): number {
    return this.level >= 1 ? 0 : (1 - this.level) / this.#perMs;
  }
}
