import { backOffMs, withJitter } from "./back-off.ts";
import type { Clock } from "./clock.ts";

export type CircuitState = "closed" | "half-open" | "open";

/**
 * How a use of the destination ended. `works`: it answered, also when it refused what it was sent: that is the sender's fault, and not
 * the destination's. `unknown`: nothing was learned, such as of a request that was cut off.
 */
export type UseResult = "works" | "fails" | "unknown";

export interface BreakerPolicy {
  /** So many failures in a row open it. */
  readonly failuresMax: number;
  /** The pause after the first failure; each that follows is twice as long, up to `pauseMsMax`, less up to half of it at random. */
  readonly pauseMsMin: number;
  readonly pauseMsMax: number;
}

/**
 * The circuit breaker of one destination (Nygard, "Release It!"). Closed: it is used, after a failure with a pause. Open: it is not
 * used. Half-open: exactly one use, the probe, is under way; when it works the breaker closes. What waits meanwhile waits where it is.
 */
export class CircuitBreaker {
  readonly #policy: BreakerPolicy;
  readonly #clock: Clock;
  readonly #random: () => number;
  #state: CircuitState = "closed";
  #failures = 0;
  #underWay = 0;
  #since: number | null = null;
  #triesAt = Number.NEGATIVE_INFINITY;

  /** `random`: [0, 1). */
  constructor(policy: BreakerPolicy, clock: Clock, random: () => number) {
    this.#policy = policy;
    this.#clock = clock;
    this.#random = random;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** When the first of the failures was that have come since it worked last; null when there are none. */
  get failingSince(): number | null {
    return this.#since;
  }

  /** When it may be used again after the last failure. */
  get triesAt(): number {
    return this.#triesAt;
  }

  /** Whether `begin` would grant a use now. */
  get mayBegin(): boolean {
    if (this.#state === "half-open" || this.waitMs() > 0) return false;
    // What was begun before it opened must end first: the probe is alone.
    return this.#state === "closed" || this.#underWay === 0;
  }

  /** False when the destination is not to be used now. Else the caller uses it and says how that ended. */
  begin(): boolean {
    if (!this.mayBegin) return false;
    if (this.#state === "open") this.#state = "half-open";
    this.#underWay += 1;
    return true;
  }

  /** How a use ended that `begin` has granted. `pauseMs`: the destination itself asked for so long a pause. */
  end(result: UseResult, pauseMs = 0): void {
    this.#underWay -= 1;
    // What was begun before it opened says nothing of now; the probe will.
    if (this.#state === "open") return;
    if (result === "works") this.#close();
    else if (result === "fails") this.#failed(pauseMs);
    else if (this.#state === "half-open") this.#state = "open";
  }

  /** How long to wait until it may be used; 0 when that time has come. */
  waitMs(): number {
    return Math.max(0, this.#triesAt - this.#clock.now());
  }

  #close(): void {
    this.#state = "closed";
    this.#failures = 0;
    this.#since = null;
    this.#triesAt = Number.NEGATIVE_INFINITY;
  }

  #failed(pauseMs: number): void {
    const { failuresMax, pauseMsMin, pauseMsMax } = this.#policy;
    const now = this.#clock.now();
    const nominal = backOffMs(pauseMsMin, pauseMsMax, this.#failures);
    this.#failures += 1;
    this.#since ??= now;
    this.#triesAt = now + Math.max(pauseMs, withJitter(nominal, this.#random));
    this.#state = this.#failures >= failuresMax ? "open" : "closed";
  }
}
