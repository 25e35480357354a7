import { isMillraceError } from "../../core/errors.ts";
import { readJournalRecord } from "./journal-record.ts";
import { JournalRestore } from "./journal-restore.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";

export interface FollowedJournal {
  range(): Promise<{ readonly startOffset: number; readonly endOffset: number }>;
  read(from: number, to: number): AsyncIterable<WalkedBatch>;
}

/** Reads a journal that somebody else owns, going on where it ended the last time. */
export class JournalFollower {
  private readonly journal: FollowedJournal;
  private restore = new JournalRestore(true);
  private nextOffset = 0;

  constructor(journal: FollowedJournal) {
    this.journal = journal;
  }

  /** What counts of it now. */
  async follow(): Promise<JournalRestore> {
    const { startOffset, endOffset } = await this.journal.range();
    // Deleted before it was read here: the snapshot that replaces it is all that counts.
    if (startOffset > this.nextOffset) this.beginAt(startOffset);
    try {
      await this.readTo(endOffset);
    } catch (error) {
      if (!isMillraceError(error, "OFFSET_OUT_OF_RANGE")) throw error;
      const again = await this.journal.range();
      this.beginAt(again.startOffset);
      await this.readTo(again.endOffset);
    }
    return this.restore;
  }

  private beginAt(offset: number): void {
    this.restore = new JournalRestore(offset === 0);
    this.nextOffset = offset;
  }

  private async readTo(endOffset: number): Promise<void> {
    if (endOffset <= this.nextOffset) return;
    for await (const batch of this.journal.read(this.nextOffset, endOffset)) {
      if (batch.records === null) this.restore.addDamage();
      for (const record of batch.records ?? []) {
        if (record.offset >= this.nextOffset) this.restore.add(readJournalRecord(record));
      }
      this.nextOffset = batch.nextOffset;
    }
  }
}
