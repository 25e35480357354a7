/**
 * Ends this thread with the error, as one that dies of it: whoever supervises it starts the next one. Later in the turn, so that what has
 * failed can still say so.
 */
export function endThread(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
