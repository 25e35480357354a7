/**
 * The signal that a `stop` gets: it aborts at three quarters of the deadline, so that what lets go then still has time to close.
 */
export function stopSignal(deadlineMs: number): AbortSignal {
  return AbortSignal.timeout(Math.ceil(deadlineMs * 0.75));
}

/** Resolves with the promise, or rejects with `error` after `waitMs`. */
export async function within<T>(promise: Promise<T>, waitMs: number, error: () => Error): Promise<T> {
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
