import { randomUUID } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { isTopicName, TOPICS } from "../../core/topics.ts";
import type {
  CommitRequest,
  EventLog,
  FetchedSlice,
  JournalClaim,
  JournalEntry,
  JournalHolding,
  JournalId,
  LogReader,
  LogStatus,
  PollOptions,
  TopicPosition,
} from "../../core/event-log.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";

export interface MemoryEventLogOptions {
  readonly partitionCount?: number;
}

export interface MemoryEventLog extends EventLog {
  /** Retention: forgets the records of a partition below `offset`. */
  trim(topic: string, partition: number, offset: number): void;
  /** Damages the journal's entry at this place: claims give what lies before it. */
  damage(journal: JournalId, place: number): void;
  /** Appends without a promise, for filling. */
  appendNow(topic: string, partition: number, records: readonly RecordInput[]): number;
}

interface Partition {
  readonly records: LogRecord[];
  start: number;
  end: number;
}

interface Journal extends JournalId {
  epoch: number;
  entries: JournalEntry[];
  /** How many entries were deleted before these. */
  first: number;
  readonly damaged: Set<JournalEntry>;
  /** Where the entries of the present owner begin: chunks of the one before do not belong to its snapshot. */
  claimedAt: number;
  /** A commit failed: everything fails until the next claim. */
  fenced: boolean;
}

/** An event log in memory: the contract of core/event-log.ts without durability, for unit tests. */
export function createMemoryEventLog({ partitionCount = 4 }: MemoryEventLogOptions = {}): MemoryEventLog {
  const partitions = new Map<string, Partition>();
  const journals = new Map<string, Journal>();
  const waiters = new Set<() => void>();
  const name = randomUUID();

  const partitionOf = (topic: string, partition: number): Partition => {
    if (!isTopicName(topic) || !Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
      throw new MillraceError("UNKNOWN_TOPIC", `there is no ${topic}/${partition}`);
    }
    const key = `${topic}/${partition}`;
    const known = partitions.get(key);
    if (known) return known;
    const made = { records: [], start: 0, end: 0 };
    partitions.set(key, made);
    return made;
  };

  const appendNow = (topic: string, partition: number, records: readonly RecordInput[]): number => {
    const target = partitionOf(topic, partition);
    for (const { value } of records) {
      if (value.length > LIMITS.recordBytesMax)
        throw new MillraceError("PAYLOAD_TOO_LARGE", `a record of ${value.length} bytes`);
    }
    const base = target.end;
    for (const record of records) target.records.push(toLogRecord(record, target.end++));
    for (const wake of waiters) wake();
    return base;
  };

  const commitNow = ({ journal: id, epoch, entry, outputs }: CommitRequest): void => {
    const journal = journals.get(`${id.name}/${id.partition}`);
    if (!journal || journal.fenced || journal.epoch !== epoch)
      throw new MillraceError("JOURNAL_FENCED", `${id.name} belongs to somebody else`);
    for (const { topic, partition } of outputs) partitionOf(topic, partition);
    for (const { topic, partition, records } of outputs) appendNow(topic, partition, records);
    journal.entries.push({ ...entry, body: Uint8Array.from(entry.body) });
    if (entry.kind !== "snapshot" || entry.complete !== true) return;
    const first = firstSnapshotChunk(journal.entries, journal.claimedAt);
    journal.entries.splice(0, first);
    journal.first += first;
    journal.claimedAt = Math.max(0, journal.claimedAt - first);
  };

  return {
    partitionCount,
    appendNow,
    trim(topic, partition, offset) {
      const target = partitionOf(topic, partition);
      target.start = Math.max(target.start, Math.min(offset, target.end));
      while ((target.records[0]?.offset ?? target.start) < target.start) target.records.shift();
    },
    damage({ name, partition }, place) {
      const journal = journals.get(`${name}/${partition}`);
      const entry = journal?.entries.at(place);
      if (journal === undefined || entry === undefined) throw new Error(`${name}/${partition} has no entry ${place}`);
      journal.damaged.add(entry);
    },
    append: async (topic, partition, records) => appendNow(topic, partition, records),
    async claim(id, held) {
      const key = `${id.name}/${id.partition}`;
      const journal = journals.get(key) ?? {
        ...id,
        epoch: 0,
        entries: [],
        first: 0,
        damaged: new Set<JournalEntry>(),
        claimedAt: 0,
        fenced: false,
      };
      journals.set(key, journal);
      journal.epoch += 1;
      journal.fenced = false;
      journal.claimedAt = journal.entries.length;
      const { epoch, first } = journal;
      const read = (held === undefined ? null : readTail(journal, name, held)) ?? readEntries(journal);
      const last = read.entries.at(-1);
      const standing = { positions: last?.positions ?? [], nextTimer: last?.nextTimer ?? null };
      const mark = { ...id, log: name, epoch, entry: first + journal.entries.length, ...standing };
      return { epoch, ...read, mark: read.damaged ? null : mark };
    },
    async commit(request) {
      try {
        commitNow(request);
      } catch (error) {
        const journal = journals.get(`${request.journal.name}/${request.journal.partition}`);
        if (journal && journal.epoch === request.epoch) journal.fenced = true;
        throw error;
      }
    },
    openReader: (positions) => createReader(positions, partitionOf, waiters),
    status: async () => statusOf(partitionCount, partitionOf, journals),
  };
}

type ReadEntries = Pick<JournalClaim, "entries" | "isTail" | "damaged">;

/** What lies before the first damaged entry; nothing when that is part of the snapshot that the rest stands on. */
function readEntries({ entries, damaged }: Journal): ReadEntries {
  const place = entries.findIndex((entry) => damaged.has(entry));
  if (place < 0) return { entries: [...entries], isTail: false, damaged: false };
  const [first] = entries;
  const before = entries.slice(0, place);
  const founded = first?.kind !== "snapshot" || before.some(({ complete }) => complete === true);
  return { entries: founded ? before : [], isTail: false, damaged: true };
}

/** Null when what is held, and what lies behind it, is not all that is needed. There are no claims among the entries. */
function readTail(journal: Journal, log: string, { mark, commits }: JournalHolding): ReadEntries | null {
  const isOwn = mark.log === log && mark.name === journal.name && mark.partition === journal.partition;
  const from = mark.entry + commits - journal.first;
  if (!isOwn || from < 0 || from > journal.entries.length) return null;
  const last = journal.entries[from - 1];
  const tail = journal.entries.slice(from);
  if ((commits > 0 && last === undefined) || last?.complete === false || tail.some(({ complete }) => complete))
    return null;
  const place = tail.findIndex((entry) => journal.damaged.has(entry));
  return { entries: place < 0 ? tail : tail.slice(0, place), isTail: true, damaged: place >= 0 };
}

/** Index of the first chunk of the last complete snapshot: chunks follow each other without other entries between. */
function firstSnapshotChunk(entries: readonly JournalEntry[], claimedAt: number): number {
  let first = entries.length - 1;
  while (first > claimedAt && entries[first - 1]?.kind === "snapshot" && entries[first - 1]?.complete !== true)
    first -= 1;
  return first;
}

function createReader(
  start: readonly TopicPosition[],
  partitionOf: (topic: string, partition: number) => Partition,
  waiters: Set<() => void>,
): LogReader {
  let positions = start.map((position) => ({ ...position }));
  let turn = 0;
  let closed = false;
  const collect = (bytesMax: number): FetchedSlice[] => {
    const slices: FetchedSlice[] = [];
    let bytes = 0;
    turn += 1;
    for (let i = 0; i < positions.length && bytes < bytesMax; i += 1) {
      const position = positions[(i + turn) % positions.length];
      if (position === undefined) continue;
      const { topic, partition, offset } = position;
      const source = partitionOf(topic, partition);
      if (offset < source.start)
        throw new MillraceError(
          "OFFSET_OUT_OF_RANGE",
          `${topic}/${partition} starts at ${source.start}, not ${offset}`,
        );
      const records: LogRecord[] = [];
      for (let at = offset - source.start; at < source.records.length && bytes < bytesMax; at += 1) {
        const record = source.records[at];
        if (record === undefined) break;
        records.push(record);
        bytes += record.value.length + 64;
      }
      if (records.length === 0) continue;
      position.offset = offset + records.length;
      slices.push({ topic, partition, records, nextOffset: position.offset });
    }
    return slices;
  };
  return {
    async poll({ bytesMax, waitMs, signal }: PollOptions) {
      const deadline = performance.now() + waitMs;
      for (;;) {
        if (closed) throw new MillraceError("LOG_CLOSED", "the reader is closed");
        const slices = collect(bytesMax);
        const leftMs = deadline - performance.now();
        if (slices.length > 0 || leftMs <= 0 || signal?.aborted) return slices;
        await woken(waiters, leftMs, signal);
      }
    },
    seek(next) {
      positions = next.map((position) => ({ ...position }));
    },
    close() {
      closed = true;
      for (const wake of waiters) wake();
    },
  };
}

function woken(waiters: Set<() => void>, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      waiters.delete(wake);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, leftMs);
    waiters.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
  });
}

function toLogRecord({ timestamp, key, value, headers }: RecordInput, offset: number): LogRecord {
  const own = headers.map(([name, text]) => [name, text] as const);
  return {
    offset,
    timestamp,
    key,
    value: Uint8Array.from(value),
    header: (name) => own.find(([known]) => known === name)?.[1],
    headers: () => own,
  };
}

function statusOf(
  partitionCount: number,
  partitionOf: (topic: string, partition: number) => Partition,
  journals: ReadonlyMap<string, Journal>,
): LogStatus {
  return {
    partitions: TOPICS.flatMap((topic) =>
      Array.from({ length: partitionCount }, (_, partition) => {
        const { start, end } = partitionOf(topic, partition);
        return { topic, partition, startOffset: start, endOffset: end };
      }),
    ),
    journals: [...journals.values()].map(({ name, partition, epoch, entries }) => ({
      name,
      partition,
      epoch,
      positions: entries.at(-1)?.positions ?? [],
      nextTimer: entries.at(-1)?.nextTimer ?? null,
    })),
    bytes: 0,
    bytesMax: Number.MAX_SAFE_INTEGER,
    refusing: null,
    deletedTelemetry: {},
  };
}
