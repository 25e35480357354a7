import { MESSAGE_OUTCOMES, NO_KEY, OUTCOME_NAMES, addOutcomes, noOutcomes } from "../core/ledger.ts";
import type { OutcomeName, Outcomes } from "../core/ledger.ts";
import type { UndoLog } from "./undo-log.ts";

/** Of one key: its total, and what of it the next unit adds; null when that is nothing. */
interface KeyCounts {
  readonly key: string;
  readonly total: Outcomes;
  pending: Outcomes | null;
}

/**
 * The ledger of one partition: totals per key since the beginning, and what the next unit adds to them. A total is never dropped, and is in
 * each snapshot: where keys are what readings are joined by, of which some come once and never again, all of them count for the partition.
 */
export class LedgerCounts {
  private readonly all = new Map<string, KeyCounts>();
  private readonly undo: UndoLog;
  /** The first so many have something pending, in the order of first change. It never shrinks: a unit holds thousands. */
  private readonly touched: KeyCounts[] = [];
  private touchedCount = 0;
  /** Those of the last unit, all at zero: most keys have none at any time. */
  private spare: Outcomes[] = [];
  /** A message counts several times. */
  private last: KeyCounts | null = null;

  private readonly isPerKey: boolean;

  constructor(undo: UndoLog, isPerKey: boolean) {
    this.undo = undo;
    this.isPerKey = isPerKey;
  }

  add(of: string, name: OutcomeName, by: number): void {
    const key = this.isPerKey ? of : NO_KEY;
    const counts = this.last?.key === key ? this.last : this.countsOf(key);
    this.last = counts;
    if (counts.pending === null) this.touch(counts);
    addTo(counts, name, by);
    this.undo.record(takeFrom, counts, name, by);
  }

  /** The stored values of a key that is erased are stored no more: from here on they count as filtered. */
  filterStored(key: string): void {
    // What is joined has no values of its own.
    const counts = this.isPerKey ? this.all.get(key) : undefined;
    if (counts === undefined) return;
    const { valuesProduced, valuesQuarantined, valuesFiltered } = counts.total;
    const stored = valuesProduced - valuesQuarantined - valuesFiltered;
    if (stored > 0) this.add(key, "valuesFiltered", stored);
  }

  /** For restoring: adds what units and snapshots recorded, those of a release that counted per key too. */
  restore(key: string, outcomes: Partial<Outcomes>): void {
    addOutcomes(this.countsOf(this.isPerKey ? key : NO_KEY).total, outcomes);
  }

  totals(): ReadonlyMap<string, Outcomes> {
    return new Map([...this.all].map(([key, { total }]) => [key, total]));
  }

  /** Ends a unit: what it adds per key, names that add nothing left out. */
  takePending(): (readonly [string, Partial<Outcomes>])[] {
    const taken: (readonly [string, Partial<Outcomes>])[] = [];
    const { spare } = this;
    // Of a unit that was larger than this one.
    spare.length = 0;
    for (let place = 0; place < this.touchedCount; place += 1) {
      const counts = this.touched[place];
      if (counts === undefined || counts.pending === null) continue;
      const added = takeNonZero(counts.pending);
      spare.push(counts.pending);
      counts.pending = null;
      if (added !== null) taken.push([counts.key, added]);
    }
    this.touchedCount = 0;
    return taken;
  }

  private touch(counts: KeyCounts): void {
    counts.pending = this.spare.pop() ?? noOutcomes();
    this.touched[this.touchedCount] = counts;
    this.touchedCount += 1;
  }

  private countsOf(key: string): KeyCounts {
    const known = this.all.get(key);
    if (known !== undefined) return known;
    const made: KeyCounts = { key, total: noOutcomes(), pending: null };
    this.all.set(key, made);
    return made;
  }
}

/** Once a key has something pending, that stays until the unit ends, also when all of it is taken back. */
function addTo({ total, pending }: KeyCounts, name: OutcomeName, by: number): void {
  total[name] += by;
  if (pending !== null) pending[name] += by;
}

function takeFrom(counts: KeyCounts, name: OutcomeName, by: number): void {
  addTo(counts, name, -by);
}

const COUNTED_BY_ENGINE: ReadonlySet<OutcomeName> = new Set(["control" as const, ...MESSAGE_OUTCOMES]);

/** TypeError and RangeError for what a function may not count. */
export function requireCountable(outcome: OutcomeName, by: number): void {
  if (COUNTED_BY_ENGINE.has(outcome)) {
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
