import { ErasedDevices } from "../../sinks/clickhouse/erased-devices.ts";
import { JOURNALS } from "../journals.ts";
import { collectErasures, countValues } from "./log-scan.ts";
import type { EventLog, LogStatus } from "../../core/event-log.ts";
import type { HistoryQueries, HistoryTally } from "../../core/history.ts";
import type { TopicName } from "../../core/topics.ts";
import type { Erasure } from "../../sinks/clickhouse/erased-devices.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";
import type { ScanRange } from "./log-scan.ts";

export interface LedgerSources {
  readonly log: EventLog;
  /** Totals of all processor threads, each taken at one moment. */
  totals(): Promise<readonly StageTotals[]>;
  /** Null when nothing stores readings. */
  history(): HistoryQueries | null;
  /** The removed devices that the tables' sink knows. */
  erasures(): Promise<readonly Erasure[]>;
}

/** Totals, tables and the readings between them, all of one moment. */
export interface QuietSample {
  readonly totals: readonly StageTotals[];
  readonly status: LogStatus;
  readonly tally: HistoryTally | null;
  /** Values per key that are in `readings` and not yet in the table. */
  readonly valuesInFlight: ReadonlyMap<string, number>;
}

/**
 * Counting while records flow compares moments that differ. A sample is of one moment when the stage had nothing under way and
 * stood, and the sink had settled nothing, between the first and the last look. Null when it was not; ask again.
 */
export async function takeQuietSample(sources: LedgerSources, proof: boolean): Promise<QuietSample | null> {
  const before = await sources.totals();
  if (!before.every((totals) => totals.quiet)) return null;
  const status = await sources.log.status();
  const erased = new ErasedDevices();
  erased.add(await sources.erasures());
  const tally = (await sources.history()?.tally(proof)) ?? null;
  const after = await sources.totals();
  if (positionsText(before) !== positionsText(after)) return null;
  const later = await sources.log.status();
  if (sinkText(status) !== sinkText(later)) return null;
  const valuesInFlight = new Map<string, number>();
  if (tally !== null) {
    // A removal that the tables have yet to come to has been counted already.
    await collectErasures(sources.log, unstoredRanges(status, "device-events"), erased);
    await countValues(sources.log, unstoredRanges(status, "readings"), erased, valuesInFlight);
  }
  return { totals: before, status, tally, valuesInFlight };
}

function positionsText(totals: readonly StageTotals[]): string {
  return totals.flatMap((t) => t.partitions.map((p) => `${p.partition}:${p.nextOffset}`)).join();
}

function sinkText(status: LogStatus): string {
  return JSON.stringify(status.journals.filter((journal) => journal.name === JOURNALS.clickhouse));
}

/** The ranges of a topic between the sink's settled position and the end. */
function unstoredRanges(status: LogStatus, topic: TopicName): ScanRange[] {
  const settled = new Map<number, number>();
  for (const journal of status.journals) {
    if (journal.name !== JOURNALS.clickhouse) continue;
    for (const p of journal.positions) if (p.topic === topic) settled.set(p.partition, p.offset);
  }
  return status.partitions
    .filter((p) => p.topic === topic)
    .map((p) => ({
      topic: p.topic,
      partition: p.partition,
      offset: Math.max(settled.get(p.partition) ?? 0, p.startOffset),
      end: p.endOffset,
    }));
}
