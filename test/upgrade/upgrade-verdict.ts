import { AUDITED_NOUGHTS } from "../faults/verdict.ts";
import type { Judged } from "../faults/judge.ts";
import type { Rolled } from "./rolling-upgrade.ts";

/** What an upgrade has shown. */
export interface UpgradeFigures extends Rolled, Judged {
  /** As processes named them while both ran. */
  readonly releases: readonly string[];
  /** Messages acknowledged while both releases ran side by side. */
  readonly sideBySide: number;
  readonly sent: number;
  readonly acknowledged: number;
  /** The audit's words. */
  readonly balanced: boolean;
  readonly storedOnce: boolean;
  /** Processes that did not stop in order. */
  readonly badStops: readonly string[];
}

/** Names of what is wrong with a run that was to end so; empty when nothing is. */
export function wrongOfUpgrade(figures: UpgradeFigures, outcome: Rolled["outcome"]): string[] {
  const rules: Readonly<Record<string, boolean>> = {
    outcome: figures.outcome === outcome,
    ...Object.fromEntries(AUDITED_NOUGHTS.map((name) => [name, figures[name] === 0])),
    unacknowledged: figures.acknowledged === figures.sent,
    // Where nothing came there was nothing to compare.
    windows: figures.windows > 0,
    alarms: figures.alarms > 0,
    sideBySide: outcome !== "upgraded" || figures.sideBySide > 0,
    rows: figures.rows === figures.values,
    distinctRows: figures.distinctRows === figures.rows,
    balanced: figures.balanced,
    storedOnce: figures.storedOnce,
    badStops: figures.badStops.length === 0,
  };
  return Object.keys(rules).filter((name) => rules[name] === false);
}
