import { isMillraceError } from "../../core/errors.ts";
import { JournalRestore } from "./journal-restore.ts";
import type { JournalEntry, JournalFollowing } from "../../core/event-log.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";

export interface FollowedJournal {
  range(): Promise<{ readonly startOffset: number; readonly endOffset: number }>;
  read(from: number, to: number): AsyncIterable<WalkedBatch>;
}

/** Reads a journal without owning it, going on where it ended the last time. One call at a time; others wait for it. */
export class JournalFollower implements JournalFollowing {
  private readonly journal: FollowedJournal;
  private restore = new JournalRestore(true);
  private nextOffset = 0;
  /** Of what was handed out last: null before the first time. */
  private known: { readonly restore: JournalRestore; readonly snapshotStart: number | null } | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(journal: FollowedJournal) {
    this.journal = journal;
  }

  next(): Promise<{ readonly isFresh: boolean; readonly entries: readonly JournalEntry[] }> {
    const next = this.turn.then(() => this.look());
    this.turn = next.catch(() => undefined);
    return next;
  }

  private async look() {
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
    const { restore } = this;
    const { snapshotStart } = restore;
    const isFresh = this.known?.restore !== restore || this.known.snapshotStart !== snapshotStart;
    this.known = { restore, snapshotStart };
    return { isFresh, entries: restore.takeEntries() };
  }

  private beginAt(offset: number): void {
    this.restore = new JournalRestore(offset === 0);
    this.nextOffset = offset;
  }

  private async readTo(endOffset: number): Promise<void> {
    if (endOffset <= this.nextOffset) return;
    for await (const batch of this.journal.read(this.nextOffset, endOffset)) {
      this.restore.addBatch(batch, this.nextOffset);
      this.nextOffset = batch.nextOffset;
    }
  }
}
