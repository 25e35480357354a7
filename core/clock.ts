import { LIMITS } from "./limits.ts";

/** UTC milliseconds. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/**
 * The clock that stamps receive times. It runs with `uptimeMs` (which counts sleep: os.uptime) and follows the wall clock, but a
 * step of the wall clock against uptime of more than `receiveClockStepMsMax` is believed only after it has lasted
 * `receiveClockSettleMs`: a clock that jumps ahead and comes back must not close every window and silence every device.
 * It never goes backwards except when a settled step says so.
 */
export function createReceiveClock(wall: Clock, uptimeMs: () => number): Clock {
  let base = wall.now() - uptimeMs();
  let strangeSince: number | null = null;
  return {
    now() {
      const uptime = uptimeMs();
      const wallBase = wall.now() - uptime;
      if (Math.abs(wallBase - base) <= LIMITS.receiveClockStepMsMax) {
        strangeSince = null;
        base = wallBase;
      } else if (strangeSince === null) {
        strangeSince = uptime;
      } else if (uptime - strangeSince >= LIMITS.receiveClockSettleMs) {
        strangeSince = null;
        base = wallBase;
      }
      return Math.floor(base + uptime);
    },
  };
}
