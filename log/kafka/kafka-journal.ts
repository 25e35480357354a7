import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { claimRecord, entryRecord } from "./journal-record.ts";
import { heldEntry } from "../journal-holding.ts";
import { JournalRestore, restoreBehind } from "./journal-restore.ts";
import type { Clock } from "../../core/clock.ts";
import type {
  CommitRequest,
  JournalClaim,
  JournalEntry,
  JournalId,
  JournalHolding,
  OutputBatch,
  TopicPosition,
} from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";

/** What a journal needs of the log. */
export interface JournalPlace {
  readonly clock: Clock;
  /** Appends to the journal's partition. */
  append(record: RecordInput): Promise<number>;
  appendOutput(output: OutputBatch): Promise<unknown>;
  /** The journal's first offset. */
  start(): Promise<number>;
  read(from: number, to: number): AsyncIterable<WalkedBatch>;
  /** Deletes what lies before the offset, soon. */
  truncate(offset: number): void;
  /** Where the consumer stands now, for those who look from outside. */
  publish(state: JournalState): void;
  /** Puts what the consumer has told back to what its journal still proves: retention must keep what the owner has to work again. */
  goBack(state: JournalState): Promise<void>;
  onDamage(offset: number): void;
}

export interface JournalState {
  readonly id: JournalId;
  readonly epoch: number;
  readonly positions: readonly TopicPosition[];
  readonly nextTimer: number | null;
}

/** An owner's claim, and where its next entry has to land. */
interface Ownership {
  readonly epoch: number;
  nextOffset: number;
  nextNumber: number;
  chunkStart: number | null;
  /** The entry before, on its way. */
  last: Promise<unknown>;
  /** Outputs wait for it: the last verdict on its way. */
  verdict: Promise<unknown>;
  failed: boolean;
}

interface Write {
  readonly entry: JournalEntry;
  readonly outputs: readonly OutputBatch[];
  readonly check: () => void;
}

/**
 * One state journal on a partition of its own. Outputs go first, then their entry, which carries the epoch: the offset of its owner's
 * claim. An entry that does not land where the last one ended shows that somebody else has written, and fences the owner.
 */
export class KafkaJournal {
  private readonly id: JournalId;
  private readonly log: string;
  private readonly place: JournalPlace;
  private owner: Ownership | null = null;
  private latestEpoch = -1;

  /** `log` stands in the marks that are given. */
  constructor(id: JournalId, log: string, place: JournalPlace) {
    this.id = id;
    this.log = log;
    this.place = place;
  }

  async claim(held?: JournalHolding): Promise<JournalClaim> {
    const { clock } = this.place;
    // From here on the owner before, if it was in this process, commits nothing more.
    this.owner = null;
    const epoch = await this.place.append(claimRecord(clock.now()));
    this.latestEpoch = Math.max(this.latestEpoch, epoch);
    const tail = held === undefined ? null : await this.restoreTail(held, epoch);
    const restore = tail ?? (await this.restore(epoch));
    const { positions, nextTimer, damaged } = restore;
    const state = { id: this.id, epoch, positions, nextTimer };
    const mark = damaged ? null : { ...this.id, log: this.log, epoch, entry: epoch, positions, nextTimer };
    const claim = { epoch, entries: restore.takeEntries(), isTail: tail !== null, mark, damaged };
    if (damaged && this.latestEpoch === epoch) await this.place.goBack(state);
    // A claim that was made later in this process has it already.
    if (this.latestEpoch > epoch) return claim;
    this.owner = {
      epoch,
      nextOffset: epoch + 1,
      nextNumber: 0,
      chunkStart: null,
      last: Promise.resolve(),
      verdict: Promise.resolve(),
      failed: false,
    };
    if (!damaged) this.place.publish(state);
    return claim;
  }

  /** `check` throws when the outputs are for what the log does not have, or too large: then none of them is sent. */
  commit({ epoch, entry, outputs }: CommitRequest, check: () => void): Promise<void> {
    const { owner } = this;
    if (owner === null || owner.failed || owner.epoch !== epoch) return Promise.reject(this.fenced(epoch));
    const written = this.write(owner, { entry, outputs, check });
    owner.last = written.catch(() => undefined);
    if (entry.kind === "verdict") owner.verdict = owner.last;
    return written;
  }

  private async write(owner: Ownership, { entry, outputs, check }: Write): Promise<void> {
    const { last, verdict } = owner;
    try {
      check();
      await verdict;
      if (owner.failed) throw this.fenced(owner.epoch);
      await Promise.all(outputs.map((output) => this.place.appendOutput(output)));
      await last;
      if (owner.failed) throw this.fenced(owner.epoch);
      await this.writeEntry(owner, entry);
    } catch (error) {
      // What was committed before keeps its turn.
      await last;
      owner.failed = true;
      throw error;
    }
  }

  private async writeEntry(owner: Ownership, entry: JournalEntry): Promise<void> {
    const { epoch } = owner;
    const number = owner.nextNumber++;
    const offset = await this.place.append(entryRecord(entry, { epoch, number, timestamp: this.place.clock.now() }));
    if (offset !== owner.nextOffset || this.owner !== owner) throw this.fenced(epoch);
    owner.nextOffset = offset + 1;
    if (entry.kind === "snapshot") owner.chunkStart ??= offset;
    if (entry.complete === true) {
      this.place.truncate(owner.chunkStart ?? offset);
      owner.chunkStart = null;
    }
    this.place.publish({ id: this.id, epoch, positions: entry.positions, nextTimer: entry.nextTimer });
  }

  /** Null when what is held and what lies behind it are not all that is needed. */
  private async restoreTail(held: JournalHolding, claimOffset: number): Promise<JournalRestore | null> {
    const at = heldEntry(held, this.log, this.id);
    if (at === null || at >= claimOffset) return null;
    let restore: JournalRestore | null = null;
    try {
      for await (const batch of this.place.read(at, claimOffset)) {
        restore ??= restoreBehind(held, at, batch);
        if (restore === null) return null;
        if (!restore.addBatch(batch, at + 1, claimOffset)) this.place.onDamage(batch.baseOffset);
      }
    } catch (error) {
      // A snapshot has replaced it.
      if (!isMillraceError(error, "OFFSET_OUT_OF_RANGE")) throw error;
      return null;
    }
    return restore?.snapshotStart === null ? restore : null;
  }

  private async restore(claimOffset: number): Promise<JournalRestore> {
    for (;;) {
      const start = await this.place.start();
      try {
        return await this.restoreFrom(start, claimOffset);
      } catch (error) {
        // The owner before was still deleting what its snapshot has made needless.
        if (!isMillraceError(error, "OFFSET_OUT_OF_RANGE")) throw error;
      }
    }
  }

  private async restoreFrom(start: number, claimOffset: number): Promise<JournalRestore> {
    const restore = new JournalRestore(start === 0);
    for await (const batch of this.place.read(start, claimOffset)) {
      if (!restore.addBatch(batch, start, claimOffset)) this.place.onDamage(batch.baseOffset);
    }
    restore.finish();
    return restore;
  }

  private fenced(epoch: number): MillraceError {
    const { name, partition } = this.id;
    return new MillraceError(
      "JOURNAL_FENCED",
      `epoch ${epoch} of the journal ${name}/${partition} is over: claim it again`,
    );
  }
}
