import { setImmediate as nextTurn } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { decodeRecordBatch } from "../../wire/record-batch-reader.ts";
import { ByteShelf } from "./byte-shelf.ts";
import { decodeCommitDirectory } from "./commit-record.ts";
import { commitAt, readStarts } from "./log-store.ts";
import { readRecord } from "./pieces.ts";
import { seekSequence } from "./seek-index.ts";
import { SliceCollector } from "./slice-collector.ts";
import { storeError } from "./store-damage.ts";
import type { FetchedSlice, LogReader, PollOptions, ReadOptions, TopicPosition } from "../../core/event-log.ts";
import type { PlacedBatch } from "./commit-record.ts";
import type { DurableMark } from "./durable-mark.ts";
import type { LogStore } from "./log-store.ts";
import type { LogTopology } from "../topology.ts";

/** A damaged batch, or offsets whose commit is damaged (`bytes` then null). */
export interface CorruptRange {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly bytes: Uint8Array | null;
}

export interface ReaderOptions extends ReadOptions {
  readonly directory: string;
  readonly store: LogStore;
  readonly topology: LogTopology;
  readonly mark: DurableMark;
  readonly onCorrupt: (range: CorruptRange) => void;
}

/**
 * Reads the commits in sequence and takes from each what its positions want. Every look at LMDB is one short snapshot: none is held
 * over an await, nor while the caller works on what was found, since a held one keeps LMDB from using deleted pages again.
 */
export class EmbeddedLogReader implements LogReader {
  private readonly options: ReaderOptions;
  /** Where batches lie until the next poll; null: each has its own memory. */
  private readonly shelf: ByteShelf | null;
  /** Per topic-partition the next offset, −1 where nothing is read. */
  private readonly wanted: Float64Array;
  /** The same before the poll: what it had found when it failed nobody has seen. */
  private readonly wantedBefore: Float64Array;
  /** The next commit to look at; null when it is to be sought. */
  private nextSequence: number | null = null;
  private checkedRetentions = -1;
  private closed = false;

  constructor(options: ReaderOptions, positions: readonly TopicPosition[]) {
    this.options = options;
    this.shelf = options.untilNextPoll === true ? new ByteShelf() : null;
    this.wanted = new Float64Array(options.topology.size);
    this.wantedBefore = new Float64Array(options.topology.size);
    this.seek(positions);
  }

  seek(positions: readonly TopicPosition[]): void {
    const indexes = positions.map(({ topic, partition }) => this.options.topology.indexOf(topic, partition));
    this.wanted.fill(-1);
    for (const [at, index] of indexes.entries()) this.wanted[index] = positions[at]?.offset ?? 0;
    this.seekAnew();
  }

  private seekAnew(): void {
    this.nextSequence = null;
    this.checkedRetentions = -1;
  }

  close(): void {
    this.closed = true;
  }

  async poll({ bytesMax, waitMs, signal }: PollOptions): Promise<readonly FetchedSlice[]> {
    const { mark } = this.options;
    const deadline = performance.now() + waitMs;
    for (;;) {
      if (this.closed || mark.closed) throw new MillraceError("LOG_CLOSED", "the log is closed");
      const durable = mark.sequence;
      const { slices, caughtUp } = this.look(bytesMax, durable);
      if (slices.length > 0 || signal?.aborted) return slices;
      const left = deadline - performance.now();
      if (!caughtUp) await nextTurn();
      else if (left <= 0) return slices;
      else await mark.advanced(durable, left, signal);
    }
  }

  private look(bytesMax: number, durable: number): { slices: FetchedSlice[]; caughtUp: boolean } {
    this.wantedBefore.set(this.wanted);
    try {
      return this.collect(bytesMax, durable);
    } catch (error) {
      this.wanted.set(this.wantedBefore);
      this.seekAnew();
      throw storeError(error, this.options.directory);
    } finally {
      // lmdb-js does so with a timer, which waits for whoever has the thread.
      this.options.store.root.resetReadTxn();
    }
  }

  private collect(bytesMax: number, durable: number): { slices: FetchedSlice[]; caughtUp: boolean } {
    const { store, topology, mark } = this.options;
    store.root.resetReadTxn();
    const slices = new SliceCollector(topology);
    this.shelf?.clear();
    let scanned = 0;
    let sequence = this.startSequence(mark.retentions, durable);
    while (sequence <= durable && slices.bytes < bytesMax && scanned < LIMITS.readScanBytesMax) {
      const commit = readRecord(store.commits, commitAt, sequence);
      if (commit === undefined) {
        // Retention deletes what is visible before it says so: look again at where the log begins.
        sequence = Math.max(sequence + 1, this.checkStarts());
        continue;
      }
      scanned += commit.length;
      if (!this.takeCommit(commit, slices, bytesMax)) break;
      sequence += 1;
    }
    this.nextSequence = sequence;
    return { slices: slices.finish(), caughtUp: sequence > durable };
  }

  private startSequence(retentions: number, durable: number): number {
    const { store } = this.options;
    if (retentions !== this.checkedRetentions) {
      const first = this.checkStarts();
      this.checkedRetentions = retentions;
      this.nextSequence = this.nextSequence === null ? null : Math.max(this.nextSequence, first);
      this.nextSequence ??= seekSequence(store, this.wanted, first, durable);
    }
    return this.nextSequence ?? 1;
  }

  /** The first sequence that is kept. OFFSET_OUT_OF_RANGE when a position lies before its start. */
  private checkStarts(): number {
    const { store, topology } = this.options;
    const starts = readStarts(store, topology);
    for (const [index, start] of starts.columns[0]?.entries() ?? []) {
      const position = this.wanted[index] ?? -1;
      if (position < 0 || position >= start) continue;
      throw new MillraceError(
        "OFFSET_OUT_OF_RANGE",
        `offset ${position} of ${topology.label(index)} is gone: retention has passed it, the partition starts at ${start}`,
      );
    }
    return starts.head;
  }

  /** False when `bytesMax` ended the poll inside the commit. */
  private takeCommit(commit: Buffer, slices: SliceCollector, bytesMax: number): boolean {
    for (const batch of this.wantedBatches(commit)) {
      if (slices.bytes >= bytesMax) return false;
      const index = batch.topicPartition;
      const position = this.wanted[index] ?? 0;
      const end = batch.baseOffset + batch.count;
      // A hole: the commit in which these offsets lay has lost its directory.
      if (batch.baseOffset > position) this.reportCorrupt(slices, index, batch.baseOffset, null);
      const { byteOffset, byteLength } = batch;
      // What LMDB has given is written over with the next commit.
      const bytes =
        this.shelf?.copy(commit, byteOffset, byteOffset + byteLength) ??
        Uint8Array.prototype.slice.call(commit, byteOffset, byteOffset + byteLength);
      this.takeBatch(bytes, { slices, index, end });
      this.wanted[index] = end;
    }
    return true;
  }

  private wantedBatches(commit: Buffer): readonly PlacedBatch[] {
    try {
      return decodeCommitDirectory(commit).batches.filter(({ topicPartition, baseOffset, count }) => {
        const position = this.wanted[topicPartition] ?? -1;
        return position >= 0 && baseOffset + count > position;
      });
    } catch (error) {
      // What the damaged directory hid shows as a hole when the next batch of each partition comes.
      if (error instanceof MillraceError) return [];
      throw error;
    }
  }

  private takeBatch(bytes: Uint8Array, at: { slices: SliceCollector; index: number; end: number }): void {
    const position = this.wanted[at.index] ?? 0;
    try {
      const { records } = decodeRecordBatch(bytes);
      const [first] = records;
      const skipped = first === undefined ? 0 : position - first.offset;
      at.slices.add(at.index, skipped > 0 ? records.slice(skipped) : records, {
        nextOffset: at.end,
        bytes: bytes.length,
      });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.reportCorrupt(at.slices, at.index, at.end, bytes);
    }
  }

  private reportCorrupt(slices: SliceCollector, index: number, toOffset: number, bytes: Uint8Array | null): void {
    const { topology, onCorrupt } = this.options;
    const fromOffset = this.wanted[index] ?? 0;
    slices.addCorrupt(index, fromOffset, toOffset);
    onCorrupt({ ...topology.topicPartition(index), fromOffset, toOffset, bytes });
    this.wanted[index] = toOffset;
  }
}
