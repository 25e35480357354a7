import { checkDifferences, type Correction } from "./correction.ts";
import type { Reading } from "../../core/derived-records.ts";

/** A derived reading, as it lies in the log or as it would be. */
export interface DerivedReading {
  readonly key: string;
  /** Of the reading that it was made of. */
  readonly offset: number;
  readonly reading: Reading;
  /** Its source position; null of one that is not stored. */
  readonly source: string | null;
}

type Kept = DerivedReading & { readonly text: string };

interface Slot {
  readonly stored: Kept[];
  readonly made: Kept[];
}

/**
 * Compares the readings that a version makes with those that are stored. A reading is known by device and time; of several at one time those
 * with the same metrics belong together. What has turned out equal is let go, so that of a range that is equal little is in memory at once.
 */
export class ReadingDifference {
  private readonly slots = new Map<string, Slot>();
  private readonly differencesMax: number | undefined;
  private count = 0;

  constructor(differencesMax?: number) {
    this.differencesMax = differencesMax;
  }

  stored(derived: DerivedReading): void {
    this.note(derived, "stored", "made");
  }

  made(derived: DerivedReading): void {
    this.note(derived, "made", "stored");
  }

  /** The device was removed: what was made of it up to this offset is erased. */
  forget(key: string, offset: number): void {
    for (const [id, { stored, made }] of this.slots) {
      if (!id.startsWith(`${key}\n`)) continue;
      const left = {
        stored: stored.filter((one) => one.offset > offset),
        made: made.filter((one) => one.offset > offset),
      };
      this.count -= stored.length + made.length - left.stored.length - left.made.length;
      if (left.stored.length + left.made.length === 0) this.slots.delete(id);
      else this.slots.set(id, left);
    }
  }

  corrections(): readonly Correction[] {
    return [...this.slots.values()].flatMap(({ stored, made }) => {
      // What was taken back is the last to be given again.
      const taken = stored.filter(isWithdrawn);
      return correctionsOf([...stored.filter((one) => !isWithdrawn(one)), ...taken], made);
    });
  }

  private note(derived: DerivedReading, side: keyof Slot, other: keyof Slot): void {
    const id = `${derived.key}\n${derived.reading.ts}`;
    const slot = this.slots.get(id) ?? { stored: [], made: [] };
    const text = textOf(derived.reading);
    const equal = slot[other].findIndex((one) => one.text === text);
    if (equal < 0) {
      slot[side].push({ ...derived, text });
      this.slots.set(id, slot);
      this.count += 1;
      checkDifferences(this.count, this.differencesMax);
    } else {
      slot[other].splice(equal, 1);
      this.count -= 1;
      if (slot.stored.length + slot.made.length === 0) this.slots.delete(id);
    }
  }
}

function correctionsOf(stored: readonly Kept[], made: readonly Kept[]): readonly Correction[] {
  const corrections: Correction[] = [];
  for (let index = 0; index < Math.max(stored.length, made.length); index += 1) {
    const [was, is] = [stored[index], made[index]];
    const revision = (was?.reading.revision ?? 0) + 1;
    if (is === undefined) {
      if (was === undefined || isWithdrawn(was)) continue;
      const value = { ...was.reading, metrics: {}, revision };
      corrections.push({ ...placeOf(was), kind: "withdrawn", value, replaces: was.source });
    } else if (was === undefined) {
      corrections.push({ ...placeOf(is), kind: "added", value: is.reading, replaces: null });
    } else {
      const kind = isWithdrawn(was) ? "added" : "changed";
      corrections.push({ ...placeOf(is), kind, value: { ...is.reading, revision }, replaces: was.source });
    }
  }
  return corrections;
}

function placeOf({ key, offset }: Kept) {
  return { topic: "readings", key, offset } as const;
}

function isWithdrawn({ reading }: Kept): boolean {
  return Object.keys(reading.metrics).length === 0;
}

/** The order of metrics says nothing. */
function textOf({ metrics }: Reading): string {
  return JSON.stringify(Object.entries(metrics).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
