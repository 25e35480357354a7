import { MESSAGE_OUTCOMES, OUTCOME_NAMES, addOutcomes, noOutcomes } from "../core/ledger.ts";
import type { OutcomeName, Outcomes } from "../core/ledger.ts";
import type { UndoLog } from "./undo-log.ts";

/** Of one key: its total, and what of it the next unit adds. */
interface KeyCounts {
  readonly key: string;
  readonly total: Outcomes;
  readonly pending: Outcomes;
}

/** The ledger of one partition: totals per key since the beginning, and what the next unit adds to them. */
export class LedgerCounts {
  private readonly all = new Map<string, Outcomes>();
  private readonly undo: UndoLog;
  /** In the order of first change. */
  private readonly touched = new Map<string, KeyCounts>();
  /** Those of the last unit, all at zero: most keys have none at any time. */
  private spare: Outcomes[] = [];
  /** A message counts several times. */
  private last: KeyCounts | null = null;

  constructor(undo: UndoLog) {
    this.undo = undo;
  }

  add(key: string, name: OutcomeName, by: number): void {
    const counts = this.last?.key === key ? this.last : this.touch(key);
    addTo(counts, name, by);
    this.undo.record(takeFrom, counts, name, by);
  }

  /** The stored values of a key that is erased are stored no more: from here on they count as filtered. */
  filterStored(key: string): void {
    const total = this.all.get(key);
    if (total === undefined) return;
    const { valuesProduced, valuesQuarantined, valuesFiltered } = total;
    const stored = valuesProduced - valuesQuarantined - valuesFiltered;
    if (stored > 0) this.add(key, "valuesFiltered", stored);
  }

  /** For restoring: adds what units and snapshots recorded. */
  restore(key: string, outcomes: Partial<Outcomes>): void {
    addOutcomes(this.totalOf(key), outcomes);
  }

  totals(): ReadonlyMap<string, Outcomes> {
    return this.all;
  }

  /** Ends a unit: what it adds per key, names that add nothing left out. */
  takePending(): (readonly [string, Partial<Outcomes>])[] {
    const taken: (readonly [string, Partial<Outcomes>])[] = [];
    const spare: Outcomes[] = [];
    for (const { key, pending } of this.touched.values()) {
      const added = takeNonZero(pending);
      spare.push(pending);
      if (added !== null) taken.push([key, added]);
    }
    this.touched.clear();
    this.spare = spare;
    this.last = null;
    return taken;
  }

  private touch(key: string): KeyCounts {
    let counts = this.touched.get(key);
    if (counts === undefined) {
      counts = { key, total: this.totalOf(key), pending: this.spare.pop() ?? noOutcomes() };
      this.touched.set(key, counts);
    }
    this.last = counts;
    return counts;
  }

  private totalOf(key: string): Outcomes {
    const known = this.all.get(key);
    if (known !== undefined) return known;
    const made = noOutcomes();
    this.all.set(key, made);
    return made;
  }
}

function addTo({ total, pending }: KeyCounts, name: OutcomeName, by: number): void {
  total[name] += by;
  pending[name] += by;
}

function takeFrom(counts: KeyCounts, name: OutcomeName, by: number): void {
  addTo(counts, name, -by);
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
