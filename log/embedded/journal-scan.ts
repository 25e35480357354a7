import type { JournalEntry, TopicPosition } from "../../core/event-log.ts";
import type { StoredEntry } from "./journal-entry.ts";

/** What can be proven of a journal: nothing behind a damaged entry continues anything. */
export interface JournalScan {
  /** What an owner restores from, claims left out. */
  readonly entries: readonly JournalEntry[];
  /** As of those entries; no positions when they prove none. */
  readonly positions: readonly TopicPosition[];
  readonly nextTimer: number | null;
  /** Entry offsets whose bytes fail their checksum. */
  readonly damaged: readonly number[];
  /** False when the list ends before the journal does. */
  readonly whole: boolean;
}

/**
 * `read` gives null for what is damaged. The entries stand at offsets [first, next), and `behind` is the one before them, for whom has
 * everything up to it.
 */
export function scanJournal(
  read: (offset: number) => StoredEntry | null,
  first: number,
  next: number,
  behind: StoredEntry | null = null,
): JournalScan {
  const entries: JournalEntry[] = [];
  const damaged: number[] = [];
  let last = behind;
  let whole = true;
  // Whatever lay before a complete snapshot is deleted: without all of it there is nothing that the units could be applied to.
  let founded = first === 0 || behind !== null;
  for (let offset = first; offset < next && whole; offset++) {
    const stored = read(offset);
    if (stored === null) {
      damaged.push(offset);
      whole = wasClaim(offset, last, offset + 1 < next ? read(offset + 1) : null);
      continue;
    }
    const { kind, complete, positions, nextTimer, body } = stored;
    if (complete && stored.snapshotStart === first) founded = true;
    if (kind === "snapshot") entries.push({ kind, positions, nextTimer, complete, body });
    else if (kind !== "claim") entries.push({ kind, positions, nextTimer, body });
    last = stored;
  }
  if (!founded) return { entries: [], positions: [], nextTimer: null, damaged, whole: false };
  return { entries, positions: last?.positions ?? [], nextTimer: last?.nextTimer ?? null, damaged, whole };
}

/** A claim holds nothing to restore, so its loss ends nothing. Every journal begins with one, and only one makes the epoch grow. */
function wasClaim(offset: number, before: StoredEntry | null, after: StoredEntry | null): boolean {
  if (offset === 0) return true;
  return before !== null && after !== null && after.kind !== "claim" && after.epoch > before.epoch;
}
