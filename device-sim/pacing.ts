import { setImmediate, setTimeout } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";

/** Longest single wait: Node's timers end at 2^31 − 1 ms, and a stepped clock is noticed this soon. */
const LONGEST_WAIT_MS = 60_000;
/** How long messages that are due may be sent without letting sockets and timers run. */
const BUSY_MS = 5;

/** Waits until the clock shows `at`; false when the signal aborted first. Yields to the event loop now and then when behind. */
export function createPacer(clock: Clock, signal: AbortSignal): (at: number) => Promise<boolean> {
  let lastYieldAt = clock.now();
  return async (at) => {
    for (;;) {
      if (signal.aborted) return false;
      const now = clock.now();
      if (at <= now) {
        if (now - lastYieldAt < BUSY_MS) return true;
        await setImmediate();
      } else {
        await waitFor(Math.min(at - now, LONGEST_WAIT_MS), signal);
      }
      lastYieldAt = clock.now();
      if (at <= lastYieldAt) return !signal.aborted;
    }
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const stopped = Promise.withResolvers<void>();
  const onAbort = () => stopped.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  const waiting = new AbortController();
  try {
    await Promise.race([setTimeout(ms, undefined, { signal: waiting.signal }).catch(ignoreAbort), stopped.promise]);
  } finally {
    waiting.abort();
    signal.removeEventListener("abort", onAbort);
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}
