import { compareSourcePositions, type SourcePosition } from "../../core/source-position.ts";
import { checkDifferences, type Correction } from "./correction.ts";
import type { Aggregate } from "../../core/derived-records.ts";

const VALUES = ["count", "sum", "min", "max", "mean", "first", "last"] as const;

interface Told {
  readonly key: string;
  readonly offset: number;
  readonly aggregate: Aggregate;
}

type Stored = Told & { readonly source: SourcePosition };

interface Slot {
  /** All that was told of it: a removal erases some, and what was told since may have a lower revision. */
  stored: readonly Stored[];
  made: Told | null;
}

/** Compares the windows that a version tells with those that are stored: of each the last revision. */
export class WindowDifference {
  private readonly slots = new Map<string, Slot>();
  private readonly differencesMax: number | undefined;

  constructor(differencesMax?: number) {
    this.differencesMax = differencesMax;
  }

  stored(key: string, source: SourcePosition, aggregate: Aggregate): void {
    const slot = this.slotOf(key, aggregate);
    slot.stored = [...slot.stored, { key, offset: source.offset, source, aggregate }];
  }

  made(key: string, offset: number, aggregate: Aggregate): void {
    this.slotOf(key, aggregate).made = { key, offset, aggregate };
  }

  /** The device was removed: what was made of it up to this offset is erased. */
  forget(key: string, offset: number): void {
    for (const [id, slot] of this.slots) {
      if (!id.startsWith(`${key}\n`)) continue;
      slot.stored = slot.stored.filter((one) => one.offset > offset);
      if (slot.made !== null && slot.made.offset <= offset) slot.made = null;
      if (slot.stored.length === 0 && slot.made === null) this.slots.delete(id);
    }
  }

  /** `isOpen`: the live version may still tell the window of this key, start and size again. Those are left alone, and counted. */
  corrections(isOpen: (key: string, start: number, size: number) => boolean): {
    readonly corrections: readonly Correction[];
    readonly open: number;
  } {
    const corrections: Correction[] = [];
    let open = 0;
    for (const { stored: told, made } of this.slots.values()) {
      const stored = newestOf(told);
      const correction = correctionOf(stored, made);
      if (correction === null) continue;
      const { start = 0, size = 0 } = (made ?? stored)?.aggregate ?? {};
      if (isOpen(correction.key, start, size)) open += 1;
      else corrections.push(correction);
    }
    return { corrections, open };
  }

  private slotOf(key: string, { metric, size, start }: Aggregate): Slot {
    const id = `${key}\n${metric}\n${size}\n${start}`;
    const known = this.slots.get(id);
    if (known !== undefined) return known;
    const slot: Slot = { stored: [], made: null };
    this.slots.set(id, slot);
    checkDifferences(this.slots.size, this.differencesMax);
    return slot;
  }
}

/** As the tables have it: the generation first, then the revision. */
function newestOf(stored: readonly Stored[]): Stored | null {
  let newest: Stored | null = null;
  for (const one of stored) if (newest === null || isNewer(one, newest)) newest = one;
  return newest;
}

function isNewer(one: Stored, than: Stored): boolean {
  return (
    (one.source.generation - than.source.generation ||
      one.aggregate.revision - than.aggregate.revision ||
      compareSourcePositions(one.source, than.source)) >= 0
  );
}

function correctionOf(stored: Stored | null, made: Told | null): Correction | null {
  const wasTold = stored !== null && stored.aggregate.count > 0;
  const isTold = made !== null && made.aggregate.count > 0;
  const told = isTold ? made : stored;
  if (told === null || (!wasTold && !isTold)) return null;
  if (wasTold && isTold && VALUES.every((name) => stored.aggregate[name] === made.aggregate[name])) return null;
  const revision = stored === null ? told.aggregate.revision : stored.aggregate.revision + 1;
  const nothing = isTold ? {} : { count: 0, sum: 0, min: 0, max: 0, mean: 0, first: 0, last: 0 };
  return {
    kind: isTold ? (wasTold ? "changed" : "added") : "withdrawn",
    topic: "aggregates",
    key: told.key,
    offset: told.offset,
    value: { ...told.aggregate, ...nothing, revision },
    replaces: null,
  };
}
