import { backOffMs, withJitter } from "../../core/back-off.ts";
import { LIMITS } from "../../core/limits.ts";

/** The first pause after a failure of the log or the registry. */
export const RECOVER_DELAY_MS = 1000;
const FIRST_DELAY_MS = 1000;
const ATTEMPTS_MIN = 5;

/** The nominal wait after the n-th failed attempt: doubling from a second, capped. */
export function nominalDelayMs(attempts: number): number {
  return backOffMs(FIRST_DELAY_MS, LIMITS.webhookRetryDelayMsMax, attempts - 1);
}

/** The wait with jitter. */
export function retryDelayMs(attempts: number, random: () => number): number {
  return withJitter(nominalDelayMs(attempts), random);
}

/**
 * True after `webhookAgeMsMax` and a few attempts: Millrace itself may have been off for that long. Where the age is not known, the
 * nominal waits of the attempts stand in for it.
 */
export function isGivenUp(attempts: number, ageMs: number | null): boolean {
  if (ageMs !== null) return attempts >= ATTEMPTS_MIN && ageMs >= LIMITS.webhookAgeMsMax;
  let waitedMs = 0;
  for (let n = 1; n <= attempts; n += 1) waitedMs += nominalDelayMs(n);
  return waitedMs >= LIMITS.webhookAgeMsMax;
}
