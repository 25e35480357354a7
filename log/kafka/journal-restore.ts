import type { JournalEntry, JournalMark, JournalHolding, TopicPosition } from "../../core/event-log.ts";
import { readJournalRecord, type StoredEntry, type StoredJournalRecord } from "./journal-record.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";

interface CountedEntry {
  readonly offset: number;
  readonly entry: JournalEntry;
}

/**
 * What counts of a journal, record after record. An entry counts when it carries the latest claim before it and continues where that
 * claim's entries ended: what an owner wrote after it was fenced lies between, and does not.
 */
export class JournalRestore {
  /** From the first chunk of the last complete snapshot on, when there is one. */
  entries: CountedEntry[] = [];
  positions: readonly TopicPosition[] = [];
  nextTimer: number | null = null;
  /** Records before this offset are not needed any more; null while there is no complete snapshot. */
  snapshotStart: number | null = null;
  /** True when something that counted is lost, so that nothing behind it does. */
  damaged = false;
  private epoch = -1;
  private nextNumber = 0;
  private chunkStart: number | null = null;
  private chunks: CountedEntry[] = [];
  private founded: boolean;

  /** `isWhole`: the journal's records have never been deleted, so that its beginning is its foundation. */
  constructor(isWhole: boolean) {
    this.founded = isWhole;
  }

  /** Goes on behind the last entry under the mark's claim; null when there is none yet. */
  resume({ epoch, positions, nextTimer }: JournalMark, last: StoredEntry | null): void {
    this.founded = true;
    this.epoch = epoch;
    this.nextNumber = last === null ? 0 : last.number + 1;
    this.positions = last?.entry.positions ?? positions;
    this.nextTimer = last === null ? nextTimer : last.entry.nextTimer;
  }

  /** What of a batch lies in [from, to). False when the batch is damaged. */
  addBatch({ records }: Pick<WalkedBatch, "records">, from: number, to = Number.POSITIVE_INFINITY): boolean {
    if (records === null) this.addDamage();
    for (const record of records ?? []) {
      if (record.offset >= from && record.offset < to) this.add(readJournalRecord(record));
    }
    return records !== null;
  }

  add(record: StoredJournalRecord): void {
    if ("claim" in record) {
      this.epoch = record.offset;
      this.nextNumber = 0;
      // A snapshot that its owner did not complete counts for nothing.
      this.chunkStart = null;
      this.chunks = [];
      return;
    }
    if (!this.continues(record)) return;
    const { offset, entry } = record;
    if (entry.kind === "snapshot") this.chunkStart ??= offset;
    // Units that come between the chunks belong to the snapshot.
    if (this.chunkStart !== null) this.chunks.push({ offset, entry });
    if (!this.damaged) this.count(record);
    if (entry.complete === true) this.foundOn(record);
  }

  /** Records that cannot be read. What lies behind continues nothing, until a snapshot is complete. */
  addDamage(): void {
    this.damaged = true;
    this.chunkStart = null;
    this.chunks = [];
  }

  /** Hands out what counts and is new since the last call, for who goes on reading. */
  takeEntries(): JournalEntry[] {
    const taken = this.entries.map(({ entry }) => entry);
    this.entries = [];
    return taken;
  }

  /** Called at the end. Without a foundation there is nothing that the entries could be applied to. */
  finish(): void {
    if (this.founded) return;
    this.entries = [];
    this.positions = [];
    this.nextTimer = null;
    this.damaged = true;
  }

  private continues({ epoch, number }: StoredEntry): boolean {
    // The claim may be deleted: then the first entry is of a snapshot that its owner knew to be the journal's last. Behind damage
    // it is the first no more.
    if (this.epoch < 0 && !this.damaged) {
      this.epoch = epoch;
      this.nextNumber = number;
    }
    if (epoch !== this.epoch || number !== this.nextNumber) return false;
    this.nextNumber += 1;
    return true;
  }

  private count({ offset, entry }: StoredEntry): void {
    this.entries.push({ offset, entry });
    this.positions = entry.positions;
    this.nextTimer = entry.nextTimer;
  }

  private foundOn({ entry }: StoredEntry): void {
    const start = this.chunkStart ?? 0;
    this.entries = [...this.chunks];
    this.positions = entry.positions;
    this.nextTimer = entry.nextTimer;
    this.snapshotStart = start;
    this.chunkStart = null;
    this.chunks = [];
    this.founded = true;
    this.damaged = false;
  }
}

/** For what counts behind the offset at which what is held ends. Null when the batch does not have its last entry, or that is none to end with. */
export function restoreBehind(
  { mark, commits }: JournalHolding,
  offset: number,
  { records }: Pick<WalkedBatch, "records">,
): JournalRestore | null {
  const record = records?.find((one) => one.offset === offset);
  if (record === undefined) return null;
  const stored = readJournalRecord(record);
  const restore = new JournalRestore(true);
  if ("claim" in stored) {
    if (commits > 0) return null;
    restore.resume(mark, null);
    return restore;
  }
  const { epoch, number, entry } = stored;
  if (commits === 0 || epoch !== mark.epoch || number !== commits - 1 || entry.complete === false) return null;
  restore.resume(mark, stored);
  return restore;
}
