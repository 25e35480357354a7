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

/** A thread that waits without using the CPU hangs as well: it has this many times as long. */
const WAITING_FACTOR = 10;

/**
 * Decides from what is seen of a thread whether it hangs. What counts is the CPU time that it uses, so that a machine that has too much to
 * do makes no record a killer, and only as fast as looks come: when whoever looks was held up itself, so was the thread.
 */
export class CallWatchdog {
  private readonly limits: WatchdogLimits;
  private last: CallReading | null = null;
  private lookedAt = 0;
  private stillMs = 0;
  private lastCpuMs: number | null = null;

  constructor(limits: WatchdogLimits) {
    this.limits = limits;
  }

  /** `cpuMs`: that the thread has used in all; null while that is not known. */
  look(reading: CallReading, now: number, cpuMs: number | null): Overdue | null {
    const { last, lookedAt, lastCpuMs } = this;
    this.lastCpuMs = cpuMs;
    this.last = reading;
    this.lookedAt = now;
    const isCalling = reading.at.call > 0;
    // A thread that has not come to its first turn is still starting.
    if (reading.beats === 0 && !isCalling) return null;
    const moved = last?.marks !== reading.marks || (!isCalling && last.beats !== reading.beats);
    if (moved) this.stillMs = 0;
    else this.stillMs += usedMs(Math.min(now - lookedAt, 2 * this.limits.lookMs), lastCpuMs, cpuMs);
    if (isCalling) return this.stillMs >= this.limits.callMs ? "call" : null;
    return this.stillMs >= this.limits.silenceMs ? "silence" : null;
  }
}

function usedMs(passedMs: number, before: number | null, now: number | null): number {
  if (before === null || now === null) return passedMs;
  return Math.min(passedMs, Math.max(now - before, passedMs / WAITING_FACTOR));
}
