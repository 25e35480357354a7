import { MillraceError } from "../core/errors.ts";

/** What forces or gives up leaves a quarter of its time: to close in, or for the steps that come after it. */
const SHARE = 0.75;

/**
 * The signal that a `stop` gets: it aborts at three quarters of the deadline, so that what lets go then still has time to close.
 */
export function stopSignal(deadlineMs: number): AbortSignal {
  return AbortSignal.timeout(Math.ceil(deadlineMs * SHARE));
}

/** Resolves with the promise, or rejects with `error` after `waitMs`; Infinity waits for ever. */
export async function within<T>(promise: Promise<T>, waitMs: number, error: () => Error): Promise<T> {
  if (waitMs === Infinity) return await promise;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), waitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a step of a stop; it gets its own deadline. TIMED_OUT when it is not done by then, and it goes on behind our back. */
export type StopStep = (step: (deadlineMs: number) => Promise<void> | void) => Promise<void>;

/** One deadline for steps that follow one another: each may take three quarters of what is left, so that the next has some too. */
export function stopSteps(deadlineMs: number): StopStep {
  const endsAt = performance.now() + deadlineMs;
  return async (step) => {
    const shareMs = Math.ceil(Math.max(0, endsAt - performance.now()) * SHARE);
    const late = () => new MillraceError("TIMED_OUT", `a part did not stop within ${shareMs} ms`);
    await within(Promise.resolve(step(shareMs)), shareMs, late);
  };
}
