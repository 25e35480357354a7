import { isFull } from "./durations.ts";
import { ALL_KINDS } from "./lanes.ts";
import { rolesAbove } from "./memory-watch.ts";

/** What a run has shown. */
export interface Figures {
  readonly seed: string;
  readonly client: string;
  readonly seconds: number;
  /** How often each kind of fault happened. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Starts of processes that were killed here, and how many of them failed before one did not. */
  readonly starts: number;
  readonly failedStarts: number;

  readonly sent: number;
  readonly acknowledged: number;
  /** Acknowledged messages that are not in the log. */
  readonly missing: number;
  /** Messages that the log first has behind a later one of their device. */
  readonly disordered: number;
  /** Messages in the log that have no reading, or more than one; readings without a message. */
  readonly readingsWrong: number;
  /** Windows and alarm transitions as the oracles have them, and how many differ in the log and in the tables. */
  readonly windows: number;
  readonly windowsWrong: number;
  readonly windowRowsWrong: number;
  readonly alarms: number;
  readonly alarmsWrong: number;
  readonly alarmRowsWrong: number;
  /** `count()` and `uniqExact(source, metric)` of the table of readings, and the values that the log has. */
  readonly rows: number;
  readonly distinctRows: number;
  readonly values: number;
  /** The audit's words. */
  readonly balanced: boolean;
  readonly storedOnce: boolean;

  /** While fewer brokers ran than `min.insync.replicas`. */
  readonly publishedBelowMinIsr: number;
  readonly acknowledgedBelowMinIsr: number;
  /** Seconds from the last fault until all processes were ready and everything sent was acknowledged; null: not in time. */
  readonly recoverySeconds: number | null;
  readonly endedByThemselves: readonly string[];
  readonly hungStops: readonly string[];
  /** Peaks of resident memory by role, MB. */
  readonly memory: Readonly<Record<string, number>>;
}

/** What an audit and oracles count of an installation's log and tables: each must be 0. */
export const AUDITED_NOUGHTS = [
  "missing",
  "disordered",
  "readingsWrong",
  "windowsWrong",
  "windowRowsWrong",
  "alarmsWrong",
  "alarmRowsWrong",
] as const;
const NOUGHTS = [...AUDITED_NOUGHTS, "acknowledgedBelowMinIsr"] as const;

/** Names of what is wrong; empty when the run has passed. */
export function wrongOf(figures: Figures): string[] {
  const { kinds, memory } = figures;
  const rules: Record<string, boolean> = {
    ...Object.fromEntries(NOUGHTS.map((name) => [name, figures[name] === 0])),
    unacknowledged: figures.acknowledged === figures.sent,
    // Where nothing came there was nothing to compare.
    windows: figures.windows > 0,
    alarms: figures.alarms > 0,
    rows: figures.rows === figures.values,
    distinctRows: figures.distinctRows === figures.rows,
    balanced: figures.balanced,
    storedOnce: figures.storedOnce,
    publishedBelowMinIsr: kinds["two-brokers-down"] === undefined || figures.publishedBelowMinIsr > 0,
    recoverySeconds: figures.recoverySeconds !== null,
    endedByThemselves: figures.endedByThemselves.length === 0,
    hungStops: figures.hungStops.length === 0,
    memory: rolesAbove(memory).length === 0,
    kinds: !isFull(figures.seconds) || ALL_KINDS.every((kind) => (kinds[kind] ?? 0) > 0),
  };
  return Object.keys(rules).filter((name) => !rules[name]);
}
