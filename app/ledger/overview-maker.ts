import { HopWatch } from "./hops.ts";
import { createLetterCount } from "./letter-count.ts";
import { messageLedger, sumTotals } from "./ledger-report.ts";
import { createValueWatch } from "./value-watch.ts";
import type { Clock } from "../../core/clock.ts";
import type { Fault, Overview } from "../../core/overview.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";
import type { LedgerSources } from "./ledger-sources.ts";

export interface OverviewSources extends LedgerSources {
  readonly clock: Clock;
  /** Hops that are switched off in this installation. */
  readonly off: readonly string[];
  /** All keys of a processor thread added up. */
  sums(): Promise<readonly StageTotals[]>;
  devices(): Promise<Overview["devices"]>;
  alarms(): Promise<Overview["alarms"]>;
  /** Counts the dead letters of users' functions; null when nothing stores them. */
  readonly functionLetters: (() => Promise<number>) | null;
  faults(): readonly Fault[];
}

const REUSE_MS = 500;

/** Makes overviews from the log's status and the stage's sums; rates come from the difference to the overview before. */
export function createOverviewMaker(sources: OverviewSources): { make(): Promise<Overview> } {
  const values = createValueWatch({ ...sources, totals: () => sources.sums() }, sources.clock);
  const letters = createLetterCount(sources.functionLetters, sources.clock);
  const hopWatch = new HopWatch(sources.off);
  let inFlight: Promise<Overview> | null = null;
  let latest: Overview | null = null;

  const make = async (): Promise<Overview> => {
    const at = sources.clock.now();
    const totals = await sources.sums();
    const status = await sources.log.status();
    const sum = sumTotals(totals);
    return {
      at,
      hops: hopWatch.look(status, sum.control, at),
      ledger: {
        messages: messageLedger(totals, status),
        values: await values.latest(),
        late: { dropped: sum.lateDropped, forAlarm: sum.lateForAlarm },
      },
      devices: await sources.devices(),
      alarms: await sources.alarms(),
      functions: { deadLetters: await letters.latest(status) },
      faults: sources.faults(),
    };
  };
  return {
    /** Callers within half a second share one: rates need a distance between two looks. */
    make() {
      if (latest !== null && sources.clock.now() - latest.at < REUSE_MS) return Promise.resolve(latest);
      inFlight ??= make()
        .then((made) => (latest = made))
        .finally(() => (inFlight = null));
      return inFlight;
    },
  };
}
