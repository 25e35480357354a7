import type { CallReading } from "./call-marks.ts";

export interface WatchdogLimits {
  /** Of one call, ms. */
  readonly callMs: number;
  /** Without a sign of life when no call runs, ms. */
  readonly silenceMs: number;
  /** Between two looks, ms. */
  readonly lookMs: number;
}

/** Why a thread has to be ended. */
export type Overdue = "call" | "silence";

/**
 * Decides from what is seen of a thread whether it hangs. Time counts only as fast as looks come: when whoever looks was held up itself,
 * by a machine that slept or has too much to do, so was the thread.
 */
export class CallWatchdog {
  private readonly limits: WatchdogLimits;
  private last: CallReading | null = null;
  private lookedAt = 0;
  private stillMs = 0;

  constructor(limits: WatchdogLimits) {
    this.limits = limits;
  }

  look(reading: CallReading, now: number): Overdue | null {
    const { last, lookedAt } = this;
    this.last = reading;
    this.lookedAt = now;
    const isCalling = reading.at.call > 0;
    // A thread that has not come to its first turn is still starting.
    if (reading.beats === 0 && !isCalling) return null;
    const moved = last?.marks !== reading.marks || (!isCalling && last.beats !== reading.beats);
    if (moved) this.stillMs = 0;
    else this.stillMs += Math.min(now - lookedAt, 2 * this.limits.lookMs);
    if (isCalling) return this.stillMs >= this.limits.callMs ? "call" : null;
    return this.stillMs >= this.limits.silenceMs ? "silence" : null;
  }
}
