import type { EventLog } from "../../core/event-log.ts";
import type { HistoryQueries } from "../../core/history.ts";
import type { Erasure } from "../../sinks/clickhouse/erased-devices.ts";
import type { SettledReadings } from "../../sinks/clickhouse/settled-readings.ts";
import type { StageTotals } from "../../runtime/stage-runner.ts";

/** Whom the ledger asks: each of them counts for itself. */
export interface LedgerSources {
  readonly log: EventLog;
  /** The name of the stage whose outcomes are counted. */
  readonly stage: string;
  /** The log's first. */
  readonly firstGeneration: number;
  /** Totals of all processor threads, each taken at one moment. */
  totals(): Promise<readonly StageTotals[]>;
  /** Null when nothing stores readings. */
  history(): HistoryQueries | null;
  /** The removed devices that the tables' sink knows. */
  erasures(): Promise<readonly Erasure[]>;
  /** What the tables' sink has stored; null when it cannot say. */
  settled(): Promise<SettledReadings | null>;
}
