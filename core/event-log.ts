import type { MillraceError } from "./errors.ts";
import type { LogRecord, PackedRecord, RecordInput } from "./record.ts";

/**
 * The event log: topics of partitions of records, as Kafka's. Two engines stand behind these ports, on LMDB and on Kafka, and
 * `test/contract/event-log` runs through both. Errors are MillraceErrors: LOG_FULL and LOG_IO mean that nothing of the call became
 * durable as far as known and that the caller must not acknowledge; LOG_CLOSED that the log is stopping.
 */
export interface LogAppender {
  /**
   * Makes the records durable in one topic-partition, together or not at all, and resolves with the offset of the first one.
   * Called by the tick writer and the outbox relay for control records, and by who moves a log.
   * Appends of one caller to one partition land in call order. Resolves only after the sync that covers the records.
   */
  append(topic: string, partition: number, records: readonly RecordInput[]): Promise<number>;
}

/** Told once what became of records: all of them are durable, or none of them as far as known. */
export interface AppendWaiter {
  landed(): void;
  failed(error: MillraceError): void;
}

/** Records that go into the log together: they land, or fail, as one. */
export interface AppendGroup {
  /** To be called in the same turn of the event loop in which a record was taken into the group. */
  wait(waiter: AppendWaiter): void;
}

/** The way into one topic for the gateway: records without a promise for each. */
export interface LogIntake {
  /**
   * Copies the record into the group that is being collected for its partition; what is taken one after the other into one partition lands in
   * that order. Throws what `append` would reject with at once; nothing of the record is taken then.
   */
  take(partition: number, record: PackedRecord): AppendGroup;
}

export interface LogIntakes {
  intake(topic: string): LogIntake;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface TopicPosition extends TopicPartition {
  /** The next offset to read or to process; `ENDED_AT` of a stage that has ended. */
  readonly offset: number;
}

/** Where a journal stands whose stage has ended: nothing lies behind it, so that it lags behind nothing and holds nothing back. No record was read up to it. */
export const ENDED_AT = Number.MAX_SAFE_INTEGER;

/** Records of one topic-partition in offset order. Reading goes on at `nextOffset`. */
export interface FetchedSlice extends TopicPartition {
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
  /** Offsets [from, to) whose bytes failed their checksum: skipped, to be counted as `corrupt` and reported. */
  readonly corrupt?: { readonly fromOffset: number; readonly toOffset: number };
}

export interface PollOptions {
  /** Stop collecting after about this many bytes. */
  readonly bytesMax: number;
  /** Wait this long for something to read when there is nothing. 0 returns at once. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  /**
   * Whoever reads is done with the records of a poll, with their values and headers, when it polls again: the log may write others where they
   * stood, instead of leaving their bytes to the collector. By default they are valid as long as somebody holds them.
   */
  readonly untilNextPoll?: boolean;
}

/** Reads several topic-partitions up to the durable high-water mark. One caller at a time. */
export interface LogReader {
  /**
   * The next slices, empty when nothing came in time. OFFSET_OUT_OF_RANGE when retention has passed a position: the error's message
   * names it; the caller decides (seek to the start and report, or stop).
   */
  poll(options: PollOptions): Promise<readonly FetchedSlice[]>;
  /** Replaces the positions that are read. */
  seek(positions: readonly TopicPosition[]): void;
  close(): void;
}

/** A journal belongs to one consumer (a stage `stage:main`, a sink `sink:clickhouse`) and one of its partitions or lanes. */
export interface JournalId {
  readonly name: string;
  readonly partition: number;
}

/**
 * `verdict`: an outcome that depends on the machine (a time-out, memory). No output of an entry behind it leaves before it is durable.
 */
export type JournalEntryKind = "unit" | "snapshot" | "verdict";

export interface JournalEntry {
  readonly kind: JournalEntryKind;
  /** The consumer's next positions after this entry: what lag, retention and the ledger go by. */
  readonly positions: readonly TopicPosition[];
  /** The next receive time (UTC ms) at which a timer of this partition is due; null when none is. */
  readonly nextTimer: number | null;
  /** For `snapshot` only: true on the last chunk. Entries before a complete snapshot are deleted. */
  readonly complete?: boolean;
  /** The consumer's own bytes. */
  readonly body: Uint8Array;
}

/** Where a claim stands in its journal. What it says is its engine's: it is kept, and given back with a later claim. */
export interface JournalMark extends JournalId {
  /** Of the log as it was opened: to another one, or to the same opened anew, a mark says nothing. */
  readonly log: string;
  readonly epoch: number;
  readonly entry: number;
  readonly positions: readonly TopicPosition[];
  readonly nextTimer: number | null;
}

/** What a former owner still has of a journal: what its claim gave, and all that was committed under it. */
export interface JournalHolding {
  readonly mark: JournalMark;
  /** How many commits that was: all that were made, and none has failed. */
  readonly commits: number;
}

export interface JournalClaim {
  /** Grows with every claim; commits that carry an older one fail with JOURNAL_FENCED. */
  readonly epoch: number;
  /** From the first chunk of the last complete snapshot (if any) to the claim, in order; when `damaged`, up to the damage. */
  readonly entries: readonly JournalEntry[];
  /** True when `entries` are only what counts behind what is held. Among them is no complete snapshot. */
  readonly isTail: boolean;
  /** Null when `damaged`. */
  readonly mark: JournalMark | null;
  /**
   * What was committed behind the entries, or all, is damaged and out of reach. The owner restores what there is, works again from
   * there, and commits a complete snapshot first, which makes the journal whole. None of it is a reason not to start.
   */
  readonly damaged: boolean;
}

export interface OutputBatch extends TopicPartition {
  readonly records: readonly RecordInput[];
}

export interface CommitRequest {
  readonly journal: JournalId;
  readonly epoch: number;
  readonly entry: JournalEntry;
  /** Records that become visible with the entry. Embedded: the same transaction. Kafka: before the entry, dropped as duplicates by readers if the entry is lost. */
  readonly outputs: readonly OutputBatch[];
}

/** State journals: append-only, claimed by an owner, restored from the last snapshot. */
export interface LogJournals {
  /**
   * Takes the journal over and returns what its owner needs to restore. Every earlier owner is fenced from here on. Of what is `held`
   * nothing is given again, unless its end is deleted, damaged or unknown, or a snapshot was completed behind it.
   */
  claim(journal: JournalId, held?: JournalHolding): Promise<JournalClaim>;
  /**
   * Appends the entry with its outputs durably. Commits of one owner to one journal land in call order; the first that fails fails
   * all that follow with JOURNAL_FENCED until the next claim. Not atomic with other journals.
   */
  commit(request: CommitRequest): Promise<void>;
}

/** A journal as somebody reads who does not own it. */
export interface JournalFollowing {
  /**
   * What has come to count since the last call, in order. `isFresh`: from the first chunk of the last complete snapshot (or the beginning) on,
   * because it is the first call, or because what was read before has been replaced.
   */
  next(): Promise<{ readonly isFresh: boolean; readonly entries: readonly JournalEntry[] }>;
}

export interface JournalStatus extends JournalId {
  readonly epoch: number;
  readonly positions: readonly TopicPosition[];
  readonly nextTimer: number | null;
  /** Of who has told the positions, as it told them. Absent where nobody tells: embedded, and of what no stage works. */
  readonly work?: JournalWork;
}

/** What a thread tells of its time, with where it stands. */
export interface JournalWork {
  /** Unique to the thread. */
  readonly worker: string;
  /** Seconds that it has worked since it began, waiting left out. */
  readonly busySeconds: number;
  /** Threads of the stage in its process, itself included. */
  readonly threads: number;
}

export interface PartitionStatus extends TopicPartition {
  readonly startOffset: number;
  /** Durable end: the offset that the next record will get. */
  readonly endOffset: number;
}

export interface LogStatus {
  readonly partitions: readonly PartitionStatus[];
  readonly journals: readonly JournalStatus[];
  readonly bytes: number;
  readonly bytesMax: number;
  /** Null while appends are accepted; else why they are not. */
  readonly refusing: string | null;
  /** Non-control telemetry records per key (`tenant/device`) that retention has already deleted: the ledger's opening balance. */
  readonly deletedTelemetry: Readonly<Record<string, number>>;
}

export interface LogInspector {
  status(): Promise<LogStatus>;
}

export interface EventLog extends LogAppender, LogJournals, LogInspector {
  /** P: fixed per installation. */
  readonly partitionCount: number;
  openReader(positions: readonly TopicPosition[], options?: ReadOptions): LogReader;
}
