import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError } from "../../core/errors.ts";
import { JOURNALS } from "../journals.ts";
import { reached } from "./hops.ts";
import type { Clock } from "../../core/clock.ts";
import type { LogStatus } from "../../core/event-log.ts";

const EVERY_MS = 5000;
const WAIT_MS = 500;

/**
 * How many dead letters users' functions have in the tables, as they were counted last; null while nobody has. Nobody waits long for them, and the
 * tables are asked only while something new comes to them: a ClickHouse that sleeps is not woken by a dashboard that is open.
 */
export function createLetterCount(
  count: (() => Promise<number>) | null,
  clock: Clock,
  waitMs = WAIT_MS,
): { latest(status: Pick<LogStatus, "journals">): Promise<number | null> } {
  let letters: number | null = null;
  /** Where the tables' sink was at the count, and whether it had been there at the one before: what it was at is stored a moment later. */
  let at = -1;
  let isSettled = false;
  let lookedAt = -Infinity;
  let looking: Promise<void> | null = null;

  const look = async (ask: () => Promise<number>, sinkAt: number): Promise<void> => {
    lookedAt = clock.now();
    try {
      letters = await ask();
      isSettled = at === sinkAt;
      at = sinkAt;
    } catch (error) {
      // What does not answer now may the next time; anything else is a programmer's error, and nobody's to swallow.
      if (!isMillraceError(error)) throw error;
    }
  };

  return {
    async latest(status) {
      if (count === null) return null;
      const sinkAt = reached(status, JOURNALS.clickhouse);
      const isDue = (sinkAt !== at || !isSettled) && clock.now() - lookedAt >= EVERY_MS;
      if (looking === null && isDue) looking = look(count, sinkAt).finally(() => (looking = null));
      if (looking !== null) await Promise.race([looking, delay(waitMs, undefined, { ref: false })]);
      return letters;
    },
  };
}
