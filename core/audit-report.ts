import type { LedgerReport } from "./overview.ts";

/** What `millrace audit` prints: the ledger, proven from the log and the tables, and every device whose sums do not match. */
export interface AuditReport {
  readonly at: number;
  /** The sums over all devices. */
  readonly ledger: LedgerReport;
  readonly devices: number;
  /** Devices whose own sums do not match; empty when all is well. */
  readonly mismatches: readonly DeviceMismatch[];
  /** `count() = uniqExact(source, metric)` in the readings table; null without ClickHouse. */
  readonly storedOnce: boolean | null;
  /** True when every difference is 0, every device matches and every row is stored once. */
  readonly balanced: boolean;
}

export interface DeviceMismatch {
  /** `tenant/device`. */
  readonly key: string;
  /** Messages admitted up to the committed position, counted from the log. */
  readonly admitted: number;
  /** Messages with an outcome, counted by the stage. */
  readonly settled: number;
  /** Metric values that should be in the table, and rows that are. */
  readonly valuesExpected: number;
  readonly valuesStored: number;
}
