import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError } from "../../core/errors.ts";
import { valueLedger } from "./ledger-report.ts";
import { takeCut } from "./ledger-cut.ts";
import { valuesInFlight } from "./values-in-flight.ts";
import type { Clock } from "../../core/clock.ts";
import type { LedgerReport } from "../../core/overview.ts";
import type { LedgerSources } from "./ledger-sources.ts";

type Values = LedgerReport["values"];

const EVERY_MS = 5000;
const WAIT_MS = 500;
/** A device that is being removed is out of the sums before it is out of the tables. */
const DOUBTS = 5;

/**
 * The value equation as it was seen last, by what the tables' sink says that it has stored: the audit counts the rows. A look waits for
 * a commit and reads what is in flight: it is taken every few seconds, one at a time, and nobody waits long for it, because the overview
 * must come most of all when something does not answer.
 */
export function createValueWatch(
  sources: LedgerSources,
  clock: Clock,
  waitMs = WAIT_MS,
): { latest(): Promise<Values> } {
  let values = valueLedger([], null);
  let lookedAt = -Infinity;
  let doubts = 0;
  let looking: Promise<void> | null = null;

  const look = async (): Promise<void> => {
    lookedAt = clock.now();
    // Before the cut, which then holds all that was stored.
    const settled = await sources.settled();
    if (settled === null) return;
    const cut = await takeCut(sources);
    const inFlight = await valuesInFlight(sources, cut, settled.positions);
    if (inFlight === null) return;
    const seen = valueLedger(cut.totals, { rows: settled.rows, inFlight });
    doubts = seen.difference === 0 ? 0 : doubts + 1;
    if (doubts === 0 || doubts > DOUBTS) values = seen;
  };
  /** What does not answer now may the next time; anything else is a programmer's error, and nobody's to swallow. */
  const tryLook = (): Promise<void> =>
    look().catch((error: unknown) => {
      if (!isMillraceError(error)) throw error;
    });

  return {
    async latest() {
      if (looking === null && clock.now() - lookedAt >= EVERY_MS) looking = tryLook().finally(() => (looking = null));
      if (looking !== null) await Promise.race([looking, delay(waitMs, undefined, { ref: false })]);
      return values;
    },
  };
}
