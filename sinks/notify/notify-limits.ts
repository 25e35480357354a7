/** Ceilings that only the notify sink has, beside those of core/limits.ts. */
export const NOTIFY_LIMITS = {
  /** Requests at once to one destination: a receiver that hangs holds up nobody else's. */
  requestsPerDestinationMax: 4,
  destinationsMax: 16,
  /** Rows looked at in one round of the deliverer. */
  dueRowsMax: 500,
  pollIntervalMs: 500,
  readBytesMax: 1024 * 1024,
  readWaitMs: 1000,
  /** After a failure of the log or the registry. */
  recoverDelayMs: 1000,
  recoverDelayMsMax: 30_000,
  /** Failures in a row after which a destination is reported as a fault. */
  failuresBeforeFault: 3,
  /** The longest pause between two attempts at a destination that is down. */
  holdMsMax: 30_000,
  errorCharsMax: 300,
  /** Faults of the platform that wait for the registry. */
  waitingFaultsMax: 200,
} as const;
