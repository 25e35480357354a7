import { setTimeout as delay } from "node:timers/promises";
import { valueLedger } from "./ledger-report.ts";
import { takeQuietSample } from "./quiet-sample.ts";
import type { Clock } from "../../core/clock.ts";
import type { LedgerReport } from "../../core/overview.ts";
import type { LedgerSources } from "./quiet-sample.ts";

type Values = LedgerReport["values"];

const EVERY_MS = 5000;
const WAIT_MS = 500;
const DOUBTS_MAX = 20;
const UNCHECKED: Values = {
  produced: 0,
  stored: 0,
  filtered: 0,
  quarantined: 0,
  inFlight: 0,
  difference: 0,
  checked: false,
};

/**
 * The value equation as it was seen last. A look counts rows in the tables: it is taken every few seconds, one at a time, and nobody
 * waits long for it, because the overview must come most of all when ClickHouse does not answer.
 */
export function createValueWatch(
  sources: LedgerSources,
  clock: Clock,
  waitMs = WAIT_MS,
): { latest(): Promise<Values> } {
  let values = UNCHECKED;
  let takenAt = -Infinity;
  let doubts = 0;
  let looking: Promise<void> | null = null;

  const look = async (): Promise<void> => {
    const sample = await takeQuietSample(sources, false).catch(() => null);
    const seen = sample === null ? null : valueLedger(sample);
    // A difference may be the moment between insert and settlement: it is shown when the next looks have it too.
    doubts = seen === null || seen.difference === 0 ? 0 : doubts + 1;
    if (seen === null || (doubts > 0 && doubts <= DOUBTS_MAX)) return;
    values = seen;
    takenAt = clock.now();
  };

  return {
    async latest() {
      if (looking === null && clock.now() - takenAt >= EVERY_MS) looking = look().finally(() => (looking = null));
      if (looking !== null) await Promise.race([looking, delay(waitMs, undefined, { ref: false })]);
      return values;
    },
  };
}
