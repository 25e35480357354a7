import { randomUUID } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { heldEntry } from "../journal-holding.ts";
import { ByteShelf } from "./byte-shelf.ts";
import { decodeJournalEntry, encodeJournalEntry } from "./journal-entry.ts";
import { scanJournal } from "./journal-scan.ts";
import { createJournal } from "./journal.ts";
import { copyOfRecord, readRecord, recordNumber, type KeyAt } from "./pieces.ts";
import { quarantineEntry } from "./quarantine.ts";
import type { JournalClaim, JournalEntry, JournalId, JournalHolding, JournalStatus } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";
import type { StoredEntry, StoredKind } from "./journal-entry.ts";
import type { JournalScan } from "./journal-scan.ts";
import type { Journal, JournalProgress } from "./journal.ts";
import { entriesOf, type JournalKey, type LogStore } from "./log-store.ts";
import type { LogTopology } from "../topology.ts";

/** One entry on its way into the journal. */
export interface JournalWrite {
  readonly journal: Journal;
  readonly kind: StoredKind;
  readonly epoch: number;
  readonly entry: Omit<JournalEntry, "kind"> | null;
}

export interface PlacedEntries {
  readonly puts: readonly { readonly keyAt: KeyAt<JournalKey>; readonly entry: number; readonly bytes: Buffer }[];
  /** Entries [from, to) of a journal: they are stored. */
  readonly removals: readonly { readonly keyAt: KeyAt<JournalKey>; readonly from: number; readonly to: number }[];
  /** To be called when the transaction is durable. */
  apply(): void;
}

export interface JournalTableOptions {
  readonly directory: string;
  readonly store: LogStore;
  readonly topology: LogTopology;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The journals of the log, in the writer's memory: who owns them, where they stand. */
export class JournalTable {
  private readonly options: JournalTableOptions;
  private readonly store: LogStore;
  private readonly topology: LogTopology;
  private readonly damagedCounter: Counter;
  private readonly journals = new Map<string, Journal>();
  /** Where the entries of the commit under way are. */
  private readonly shelf = new ByteShelf();
  /** In the marks that are given. */
  private readonly log = randomUUID();

  constructor(options: JournalTableOptions) {
    this.options = options;
    this.store = options.store;
    this.topology = options.topology;
    this.damagedCounter = options.metrics.counter(
      "millrace_log_corrupt_entries_total",
      "Damaged journal entries that claims have met.",
    );
    this.restoreAll();
  }

  journal(id: JournalId): Journal {
    const key = `${id.partition} ${id.name}`;
    const known = this.journals.get(key);
    if (known) return known;
    const journal = createJournal(id);
    this.journals.set(key, journal);
    return journal;
  }

  statuses(): JournalStatus[] {
    return [...this.journals.values()]
      .filter(({ durable }) => durable.next > 0)
      .map(({ id, durable: { epoch, positions, nextTimer } }) => ({ ...id, epoch, positions, nextTimer }));
  }

  /** Gives the entries their places behind the durable ones. Their bytes hold until the next call: one commit is written at a time. */
  place(writes: readonly JournalWrite[]): PlacedEntries {
    this.shelf.clear();
    const room = (length: number): Buffer => this.shelf.room(length);
    const progress = new Map<Journal, JournalProgress>();
    const placed: { journal: Journal; entry: number; bytes: Buffer }[] = [];
    for (const write of writes) {
      const { journal } = write;
      const state = progress.get(journal) ?? { ...journal.durable };
      progress.set(journal, state);
      const entry = advance(state, write);
      placed.push({ journal, entry: state.next - 1, bytes: encodeJournalEntry(entry, this.topology, room) });
    }
    // What a snapshot of the same commit has made obsolete is not stored at all.
    const kept = placed.filter(({ journal, entry }) => entry >= (progress.get(journal)?.first ?? 0));
    const passed = [...progress].filter(([journal, { first }]) => first > journal.durable.first);
    return {
      puts: kept.map(({ journal, entry, bytes }) => ({ keyAt: entriesOf(journal.id), entry, bytes })),
      removals: passed.map(([{ id, durable }, { first }]) => ({
        keyAt: entriesOf(id),
        from: durable.first,
        to: first,
      })),
      apply() {
        for (const [journal, state] of progress) journal.durable = state;
      },
    };
  }

  /**
   * What the owner whose claim has landed restores from. When that is not all, the journal goes back to it: retention must keep
   * what the owner has to work again.
   */
  restore(journal: Journal, held?: JournalHolding): Omit<JournalClaim, "epoch"> {
    const { id, durable } = journal;
    const tail = held === undefined ? null : this.scanTail(journal, held);
    const { entries, positions, nextTimer, damaged, whole } = tail ?? this.scan(id, durable.first, durable.next);
    for (const entry of damaged) this.reportDamage(id, entry, whole);
    journal.damaged = !whole;
    if (!whole) journal.durable = { ...durable, positions, nextTimer };
    const { epoch, next } = durable;
    const mark = whole ? { ...id, log: this.log, epoch, entry: next - 1, positions, nextTimer } : null;
    return { entries, isTail: tail !== null, mark, damaged: !whole };
  }

  /** Null when what is held and what lies behind it are not all that is needed. */
  private scanTail({ id, durable }: Journal, held: JournalHolding): JournalScan | null {
    const at = heldEntry(held, this.log, id);
    if (at === null || at < durable.first || at >= durable.next) return null;
    const last = this.readEntry(id, at);
    if (last?.epoch !== held.mark.epoch || (last.kind === "snapshot" && !last.complete)) return null;
    const tail = scanJournal((offset) => this.readEntry(id, offset), at + 1, durable.next, last);
    return tail.entries.some(({ complete }) => complete === true) ? null : tail;
  }

  private restoreAll(): void {
    const keys = this.store.journals;
    let [last] = keys.getKeys({ reverse: true, limit: 1 });
    while (last !== undefined) {
      const id: JournalId = { name: last[0], partition: last[1] };
      const [first] = keys.getKeys({ start: entriesOf(id)(0), limit: 1 });
      this.restoreJournal(id, recordNumber(first?.[2] ?? 0), recordNumber(last[2]));
      [last] = keys.getKeys({ reverse: true, start: entriesOf(id)(-1), limit: 1 });
    }
  }

  private restoreJournal(id: JournalId, first: number, last: number): void {
    let offset = last;
    let entry = this.readEntry(id, offset);
    while (entry === null && offset > first) entry = this.readEntry(id, --offset);
    // Each damaged entry behind the last good one may have been a claim: its epoch is passed over.
    const epoch = entry === null ? last + 1 : entry.epoch + last - offset;
    const { positions, nextTimer } = this.scan(id, first, last + 1);
    const snapshotStart = first > 0 ? first : null;
    const journal = this.journal(id);
    journal.issuedEpoch = epoch;
    journal.durable = { epoch, first, next: last + 1, chunkStart: null, snapshotStart, positions, nextTimer };
  }

  private scan(id: JournalId, first: number, next: number): JournalScan {
    return scanJournal((offset) => this.readEntry(id, offset), first, next);
  }

  private reportDamage(id: JournalId, entry: number, whole: boolean): void {
    const { directory, logger } = this.options;
    quarantineEntry(directory, { ...id, entry, bytes: this.readBytes(id, entry) });
    this.damagedCounter.add();
    const text = whole ? "it was a claim, and nothing is lost" : "its owner restores what lies before it";
    logger.error({ ...id, entry }, `a journal entry is damaged: ${text}`);
  }

  /** In memory of their own: who restores keeps them. */
  private readBytes(id: JournalId, offset: number): Buffer | null {
    const bytes = readRecord(this.store.journals, entriesOf(id), offset);
    return bytes === undefined ? null : copyOfRecord(bytes);
  }

  private readEntry(id: JournalId, offset: number): StoredEntry | null {
    const bytes = this.readBytes(id, offset);
    if (bytes === null) return null;
    try {
      return decodeJournalEntry(bytes, this.topology);
    } catch (error) {
      if (error instanceof MillraceError) return null;
      throw error;
    }
  }
}

/** Moves the journal's progress over the entry and returns it as it is to be stored. */
function advance(state: JournalProgress, { kind, epoch, entry }: JournalWrite): StoredEntry {
  const complete = kind === "snapshot" && entry?.complete === true;
  if (kind === "claim") {
    // Chunks of a snapshot that its owner did not complete count for nothing.
    state.chunkStart = null;
  } else if (kind === "snapshot") {
    state.chunkStart ??= state.next;
  }
  if (complete) {
    state.snapshotStart = state.chunkStart;
    state.first = state.chunkStart ?? state.first;
    state.chunkStart = null;
  }
  if (entry !== null) {
    state.positions = entry.positions.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    state.nextTimer = entry.nextTimer;
  }
  state.epoch = epoch;
  state.next += 1;
  const { positions, nextTimer, chunkStart, snapshotStart } = state;
  return {
    kind,
    complete,
    epoch,
    positions,
    nextTimer,
    chunkStart,
    snapshotStart,
    body: entry?.body ?? new Uint8Array(0),
  };
}
