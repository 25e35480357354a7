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
 * It never goes backwards except when a settled step says so: after a smaller step back it stands until the wall clock is there again.
 */
export function createReceiveClock(wall: Clock, uptimeMs: () => number): Clock {
  let base = wall.now() - uptimeMs();
  let strange: { readonly base: number; readonly since: number } | null = null;
  let latest = -Infinity;
  return {
    now() {
      const uptime = uptimeMs();
      const wallBase = wall.now() - uptime;
      if (isNear(wallBase, base)) {
        strange = null;
        base = wallBase;
      } else if (strange === null || !isNear(wallBase, strange.base)) {
        // Another strange time than before has yet to last.
        strange = { base: wallBase, since: uptime };
      } else if (uptime - strange.since >= LIMITS.receiveClockSettleMs) {
        strange = null;
        base = wallBase;
        latest = -Infinity;
      }
      latest = Math.max(latest, Math.floor(base + uptime));
      return latest;
    },
  };
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= LIMITS.receiveClockStepMsMax;
}
