import { patchBaseOffset, RecordBatchWriter, recordBytesBound } from "../../wire/record-batch-writer.ts";
import type { MillraceError } from "../../core/errors.ts";
import type { AppendGroup, AppendWaiter } from "../../core/event-log.ts";
import type { PackedRecord, RecordInput } from "../../core/record.ts";
import type { UnplacedBatch } from "./commit-record.ts";
import type { JournalWrite } from "./journal-table.ts";
import type { WriterPool } from "./writer-pool.ts";

/** A batch that was encoded elsewhere, with base offset 0. */
export interface EncodedBatch {
  readonly bytes: Buffer;
  readonly count: number;
  readonly lastTimestamp: number;
}

/** What the group holds of one topic-partition: batches, then the one that is being written. */
interface Slot {
  readonly topicPartition: number;
  readonly done: EncodedBatch[];
  writer: RecordBatchWriter | null;
  count: number;
  lastTimestamp: number;
  /** Known when the group is sealed. */
  baseOffset: number;
}

/** Batches are closed at this size, so that a physical record, which is made of whole ones, stays within bounds. */
const BATCH_BYTES_TARGET = 2 * 1024 * 1024;

/** Everything that goes into one LMDB transaction. Offsets are given when it is sealed, so a group that fails leaves no gap. */
export class CommitGroup implements AppendGroup {
  bytes = 0;
  records = 0;
  /** Appends, packed records and journal writes: by this the pipeline knows how busy it is. */
  arrivals = 0;
  readonly requests: AppendWaiter[] = [];
  readonly journalWrites: JournalWrite[] = [];
  private readonly slots = new Map<number, Slot>();
  private readonly writerPool: WriterPool;

  /** `writerPool` lends batch writers and gets them back from `release`. */
  constructor(writerPool: WriterPool) {
    this.writerPool = writerPool;
  }

  wait(waiter: AppendWaiter): void {
    this.requests.push(waiter);
  }

  /** Adds records and resolves with the first one's offset when the group has landed. */
  append(topicPartition: number, records: readonly RecordInput[]): Promise<number> {
    const slot = this.slot(topicPartition);
    const index = slot.count;
    this.arrivals += 1;
    this.addRecords(topicPartition, records);
    return new Promise((resolve, reject) => this.wait(new AppendRequest(slot, index, resolve, reject)));
  }

  appendEncoded(topicPartition: number, batches: readonly EncodedBatch[]): Promise<number> {
    const slot = this.slot(topicPartition);
    const index = slot.count;
    this.arrivals += 1;
    for (const batch of batches) this.addBatch(topicPartition, batch);
    return new Promise((resolve, reject) => this.wait(new AppendRequest(slot, index, resolve, reject)));
  }

  addRecords(topicPartition: number, records: readonly RecordInput[]): void {
    const slot = this.slot(topicPartition);
    for (const record of records) {
      const writer = this.writerFor(slot, recordBytesBound(record));
      const before = writer.byteLength;
      writer.append(record);
      this.added(slot, record.timestamp, writer.byteLength - before);
    }
  }

  /** `bytesBound` as `packedBytesBound` has it. */
  addPacked(topicPartition: number, record: PackedRecord, bytesBound: number): void {
    const slot = this.slot(topicPartition);
    const writer = this.writerFor(slot, bytesBound);
    const before = writer.byteLength;
    writer.appendPacked(record, bytesBound);
    this.added(slot, record.timestamp, writer.byteLength - before);
    this.arrivals += 1;
  }

  addBatch(topicPartition: number, batch: EncodedBatch): void {
    const slot = this.slot(topicPartition);
    this.close(slot);
    slot.done.push(batch);
    slot.count += batch.count;
    slot.lastTimestamp = batch.lastTimestamp;
    this.bytes += batch.bytes.length;
    this.records += batch.count;
  }

  addJournalWrite(write: JournalWrite): void {
    this.journalWrites.push(write);
    this.bytes += write.entry?.body.length ?? 0;
    this.arrivals += 1;
  }

  /** The batches with their offsets, behind `ends`. They hold until `release`. */
  seal(ends: Float64Array): UnplacedBatch[] {
    const sealed: UnplacedBatch[] = [];
    for (const slot of this.slots.values()) {
      const { topicPartition, lastTimestamp } = slot;
      slot.baseOffset = ends[topicPartition] ?? 0;
      let baseOffset = slot.baseOffset;
      for (const { bytes, count, lastTimestamp: batchTimestamp } of slot.done) {
        patchBaseOffset(bytes, baseOffset);
        sealed.push({ topicPartition, count, baseOffset, lastTimestamp: batchTimestamp, bytes });
        baseOffset += count;
      }
      const { writer } = slot;
      if (writer === null) continue;
      sealed.push({ topicPartition, count: writer.count, baseOffset, lastTimestamp, bytes: writer.finish(baseOffset) });
    }
    return sealed;
  }

  /** Gives the batch writers back. */
  release(): void {
    for (const slot of this.slots.values()) {
      if (slot.writer === null) continue;
      this.writerPool.giveBack(slot.writer);
      slot.writer = null;
    }
  }

  private slot(topicPartition: number): Slot {
    const known = this.slots.get(topicPartition);
    if (known) return known;
    const slot = { topicPartition, done: [], writer: null, count: 0, lastTimestamp: 0, baseOffset: 0 };
    this.slots.set(topicPartition, slot);
    return slot;
  }

  /** The slot's writer, with room for so many bytes more in its batch. */
  private writerFor(slot: Slot, bytesBound: number): RecordBatchWriter {
    if (slot.writer !== null && slot.writer.byteLength + bytesBound > BATCH_BYTES_TARGET) this.close(slot);
    slot.writer ??= this.writerPool.take();
    return slot.writer;
  }

  private added(slot: Slot, timestamp: number, bytes: number): void {
    slot.lastTimestamp = timestamp;
    slot.count += 1;
    this.records += 1;
    this.bytes += bytes;
  }

  private close(slot: Slot): void {
    const { writer } = slot;
    if (writer === null) return;
    slot.done.push({ bytes: Buffer.from(writer.finish(0)), count: writer.count, lastTimestamp: writer.lastTimestamp });
    this.writerPool.giveBack(writer);
    slot.writer = null;
  }
}

class AppendRequest implements AppendWaiter {
  private readonly slot: Slot;
  private readonly index: number;
  private readonly resolve: (offset: number) => void;
  private readonly reject: (error: MillraceError) => void;

  constructor(slot: Slot, index: number, resolve: (offset: number) => void, reject: (error: MillraceError) => void) {
    this.slot = slot;
    this.index = index;
    this.resolve = resolve;
    this.reject = reject;
  }

  landed(): void {
    this.resolve(this.slot.baseOffset + this.index);
  }

  failed(error: MillraceError): void {
    this.reject(error);
  }
}

/**
 * Encodes records into batches that `addBatch` takes, each in bytes of its own. Who encodes often keeps one `writer` for it: what a new one grows
 * through is twice as much as what comes out, and all of it the collector's.
 */
export function encodeBatches(records: readonly RecordInput[], writer: RecordBatchWriter): EncodedBatch[] {
  const batches: EncodedBatch[] = [];
  // Of a call that threw something may be left.
  writer.reset();
  const close = (): void => {
    const bytes = Buffer.allocUnsafeSlow(writer.byteLength);
    bytes.set(writer.finish(0));
    batches.push({ bytes, count: writer.count, lastTimestamp: writer.lastTimestamp });
    writer.reset();
  };
  for (const record of records) {
    if (writer.count > 0 && writer.byteLength + recordBytesBound(record) > BATCH_BYTES_TARGET) close();
    writer.append(record);
  }
  if (writer.count > 0) close();
  return batches;
}
