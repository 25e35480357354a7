import { uptime } from "node:os";
import { performance } from "node:perf_hooks";
import { createReceiveClock, systemClock } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";

const RESYNC_MS = 1000;

/**
 * The receive clock of this machine. os.uptime counts sleep but reads a file; between its readings, a second apart, the monotonic
 * clock carries on. Readings are taken when asked, so that an idle process does nothing.
 */
export function createSystemReceiveClock(): Clock {
  let uptimeBase = uptime() * 1000 - performance.now();
  let readAt = performance.now();
  return createReceiveClock(systemClock, () => {
    const now = performance.now();
    if (now - readAt >= RESYNC_MS) {
      uptimeBase = uptime() * 1000 - now;
      readAt = now;
    }
    return uptimeBase + now;
  });
}
