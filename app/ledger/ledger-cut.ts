import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { stageJournalName } from "../../core/stage.ts";
import type { EventLog, LogStatus, TopicPosition } from "../../core/event-log.ts";
import type { LedgerSources } from "./ledger-sources.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";

/**
 * The stage at one place of its input: what it had counted when it stood before these offsets of `telemetry`, and all that it made of
 * the records before them is in the log. Records flow on meanwhile: they lie beyond the bounds, and nobody has to wait for stillness.
 */
export interface LedgerCut {
  readonly totals: readonly StageTotals[];
  /** Taken after the totals. */
  readonly status: LogStatus;
  /** Per partition of `telemetry`: the offset that the stage was to process next. */
  readonly bounds: readonly number[];
}

type CutSources = Pick<LedgerSources, "log" | "stage" | "totals">;

const LOOK_EVERY_MS = 10;
/** Units close after a quarter of a second at the latest, and a commit takes a few syncs. */
const WAIT_MS = 10_000;

/** TIMED_OUT when the stage does not commit what it has processed. */
export async function takeCut({ log, stage, totals }: CutSources): Promise<LedgerCut> {
  const deadline = performance.now() + WAIT_MS;
  const taken = await betweenRecords(totals, deadline);
  const bounds = Array.from({ length: log.partitionCount }, () => 0);
  for (const { partition, nextOffset } of taken.flatMap((one) => one.partitions)) bounds[partition] = nextOffset;
  const wanted = bounds.map((offset, partition) => ({ topic: "telemetry", partition, offset }));
  const status = await untilReached(log, stageJournalName(stage), wanted, deadline);
  if (status !== null) return { totals: taken, status, bounds };
  throw new MillraceError("TIMED_OUT", "the stage does not commit what it has processed", {
    remedy: "See /readyz for what keeps it, and try again.",
  });
}

/** Totals of a moment at which no partition was within a record. */
async function betweenRecords(
  totals: () => Promise<readonly StageTotals[]>,
  deadline: number,
): Promise<readonly StageTotals[]> {
  for (;;) {
    const taken = await totals();
    const within = taken.some(({ partitions }) => partitions.some(({ step }) => step > 0));
    if (!within || performance.now() > deadline) return taken;
    await delay(LOOK_EVERY_MS);
  }
}

/** The first status in which the journal has reached all positions; null when it does not by the deadline (performance.now). */
export async function untilReached(
  log: Pick<EventLog, "status">,
  journal: string,
  wanted: readonly TopicPosition[],
  deadline: number,
): Promise<LogStatus | null> {
  for (;;) {
    const status = await log.status();
    const reached = reachedBy(status, journal);
    if (wanted.every(({ topic, partition, offset }) => (reached.get(`${topic}/${partition}`) ?? 0) >= offset))
      return status;
    if (performance.now() > deadline) return null;
    await delay(LOOK_EVERY_MS);
  }
}

function reachedBy(status: LogStatus, journal: string): Map<string, number> {
  const positions = status.journals.filter(({ name }) => name === journal).flatMap((one) => one.positions);
  return new Map(positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
}

/** Where the partitions of a topic end. */
export function endsOf(status: LogStatus, topic: string): TopicPosition[] {
  return status.partitions
    .filter((one) => one.topic === topic)
    .map(({ partition, endOffset }) => ({ topic, partition, offset: endOffset }));
}
