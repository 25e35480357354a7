import { MESSAGE_OUTCOMES, OUTCOME_NAMES, addOutcomes, noOutcomes } from "../core/ledger.ts";
import type { OutcomeName, Outcomes } from "../core/ledger.ts";
import type { UndoLog } from "./undo-log.ts";

interface KeyCounts {
  readonly total: Outcomes;
  readonly pending: Outcomes;
  touched: boolean;
}

/** The ledger of one partition: totals per key since the beginning, and what the next unit adds to them. */
export class LedgerCounts {
  private readonly counts = new Map<string, KeyCounts>();
  private readonly all = new Map<string, Outcomes>();
  private readonly undo: UndoLog;
  private touched: (readonly [string, KeyCounts])[] = [];

  constructor(undo: UndoLog) {
    this.undo = undo;
  }

  add(key: string, name: OutcomeName, by: number): void {
    const counts = this.of(key);
    counts.total[name] += by;
    counts.pending[name] += by;
    if (!counts.touched) {
      counts.touched = true;
      this.touched.push([key, counts]);
    }
    this.undo.record(() => {
      counts.total[name] -= by;
      counts.pending[name] -= by;
    });
  }

  /** The stored values of a key that is erased are stored no more: from here on they count as filtered. */
  filterStored(key: string): void {
    const known = this.counts.get(key);
    if (known === undefined) return;
    const { valuesProduced, valuesQuarantined, valuesFiltered } = known.total;
    const stored = valuesProduced - valuesQuarantined - valuesFiltered;
    if (stored > 0) this.add(key, "valuesFiltered", stored);
  }

  /** For restoring: adds what units and snapshots recorded. */
  restore(key: string, outcomes: Partial<Outcomes>): void {
    addOutcomes(this.of(key).total, outcomes);
  }

  totals(): ReadonlyMap<string, Outcomes> {
    return this.all;
  }

  /** Ends a unit: what it adds per key, names that add nothing left out. */
  takePending(): (readonly [string, Partial<Outcomes>])[] {
    const touched = this.touched;
    this.touched = [];
    return touched.flatMap(([key, counts]) => {
      counts.touched = false;
      const added = takeNonZero(counts.pending);
      return added === null ? [] : [[key, added] as const];
    });
  }

  private of(key: string): KeyCounts {
    const known = this.counts.get(key);
    if (known !== undefined) return known;
    const made: KeyCounts = { total: noOutcomes(), pending: noOutcomes(), touched: false };
    this.counts.set(key, made);
    this.all.set(key, made.total);
    return made;
  }
}

/** TypeError and RangeError for what a function may not count. */
export function requireCountable(outcome: OutcomeName, by: number): void {
  if (outcome === "control" || MESSAGE_OUTCOMES.some((name) => name === outcome)) {
    throw new TypeError(`${outcome} is counted by the engine`);
  }
  if (!Number.isSafeInteger(by) || by < 0) throw new RangeError(`cannot count ${by} of ${outcome}`);
}

function takeNonZero(pending: Outcomes): Partial<Outcomes> | null {
  const added: Partial<Outcomes> = {};
  let any = false;
  for (const name of OUTCOME_NAMES) {
    const by = pending[name];
    if (by === 0) continue;
    added[name] = by;
    pending[name] = 0;
    any = true;
  }
  return any ? added : null;
}
