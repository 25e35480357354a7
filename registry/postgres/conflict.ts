export const SERIALIZATION_FAILURE = "40001";
export const DEADLOCK_DETECTED = "40P01";

/**
 * True when the server broke a transaction off for the sake of another: the same one may succeed at once. By the state alone, which no other
 * database has: so that the client of PostgreSQL is loaded only where it is used.
 */
export function isConflict(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  const state = cause instanceof Error && "code" in cause ? cause.code : null;
  return state === SERIALIZATION_FAILURE || state === DEADLOCK_DETECTED;
}
