import { messageLedger, sumTotals } from "./ledger-report.ts";
import { NOTIFY_JOURNAL, SINK_JOURNAL, STAGE_JOURNAL } from "./quiet-sample.ts";
import { createValueWatch } from "./value-watch.ts";
import type { Clock } from "../../core/clock.ts";
import type { LogStatus } from "../../core/event-log.ts";
import type { Fault, Hop, Overview } from "../../core/overview.ts";
import type { LedgerSources } from "./quiet-sample.ts";

export interface OverviewSources extends LedgerSources {
  readonly clock: Clock;
  readonly clickhouse: boolean;
  sums(): LedgerSources["totals"] extends () => infer R ? R : never;
  devices(): Promise<Overview["devices"]>;
  alarms(): Promise<Overview["alarms"]>;
  faults(): readonly Fault[];
}

const LAGGING_RECORDS = 5000;
const REUSE_MS = 500;

interface Mark {
  readonly at: number;
  readonly positions: ReadonlyMap<string, number>;
}

/** Makes overviews from the log's status and the stage's sums; rates come from the difference to the overview before. */
export function createOverviewMaker(sources: OverviewSources): { make(): Promise<Overview> } {
  const values = createValueWatch({ ...sources, totals: () => sources.sums() }, sources.clock);
  let previous: Mark | null = null;
  let inFlight: Promise<Overview> | null = null;
  let latest: Overview | null = null;

  const make = async (): Promise<Overview> => {
    const at = sources.clock.now();
    const totals = await sources.sums();
    const status = await sources.log.status();
    const positions = hopPositions(status);
    const hops = HOPS.map((hop) => hopOf(hop, status, positions, previous, at, sources.clickhouse));
    previous = { at, positions };
    const sum = sumTotals(totals);
    return {
      at,
      hops,
      ledger: {
        messages: messageLedger(totals, status),
        values: await values.latest(),
        late: { dropped: sum.lateDropped, forAlarm: sum.lateForAlarm },
      },
      devices: await sources.devices(),
      alarms: await sources.alarms(),
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

interface HopDefinition {
  readonly name: string;
  /** Null for the first hop: the ends of `telemetry`. */
  readonly journal: string | null;
}

const HOPS: readonly HopDefinition[] = [
  { name: "in", journal: null },
  { name: "processors", journal: STAGE_JOURNAL },
  { name: "clickhouse", journal: SINK_JOURNAL },
  { name: "notify", journal: NOTIFY_JOURNAL },
];

function hopPositions(status: LogStatus): Map<string, number> {
  const positions = new Map<string, number>();
  for (const hop of HOPS) {
    const sum =
      hop.journal === null
        ? status.partitions.filter((p) => p.topic === "telemetry").reduce((total, p) => total + p.endOffset, 0)
        : status.journals
            .filter((journal) => journal.name === hop.journal)
            .flatMap((journal) => journal.positions)
            .reduce((total, p) => total + p.offset, 0);
    positions.set(hop.name, sum);
  }
  return positions;
}

function hopOf(
  hop: HopDefinition,
  status: LogStatus,
  positions: ReadonlyMap<string, number>,
  previous: Mark | null,
  at: number,
  clickhouse: boolean,
): Hop {
  if (hop.name === "clickhouse" && !clickhouse) return { name: hop.name, ratePerSecond: 0, lag: 0, state: "off" };
  const moved = (positions.get(hop.name) ?? 0) - (previous?.positions.get(hop.name) ?? positions.get(hop.name) ?? 0);
  const seconds = previous === null ? 1 : Math.max((at - previous.at) / 1000, 0.001);
  const lag = hop.journal === null ? 0 : lagOf(status, hop.journal);
  const stopped = hop.journal === null ? status.refusing !== null : lag > 0 && moved === 0;
  return {
    name: hop.name,
    ratePerSecond: moved / seconds,
    lag,
    state: stopped && lag !== 0 ? "stopped" : lag > LAGGING_RECORDS ? "lagging" : "ok",
  };
}

/** Records between the journal's positions and the ends of the topics that it reads. */
export function lagOf(status: LogStatus, journalName: string): number {
  const ends = new Map(status.partitions.map((p) => [`${p.topic}/${p.partition}`, p.endOffset]));
  return status.journals
    .filter((journal) => journal.name === journalName)
    .flatMap((journal) => journal.positions)
    .reduce((lag, p) => lag + Math.max(0, (ends.get(`${p.topic}/${p.partition}`) ?? 0) - p.offset), 0);
}
