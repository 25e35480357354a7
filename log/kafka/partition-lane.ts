import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { compressRecordBatch, type BatchCompression } from "../../wire/record-batch-compression.ts";
import { RecordBatchWriter } from "../../wire/record-batch-writer.ts";
import type { AppendGroup, AppendWaiter, TopicPartition } from "../../core/event-log.ts";
import type { PackedRecord, RecordInput } from "../../core/record.ts";

interface Caller {
  /** By the producer's clock, ms. */
  readonly deadline: number;
  /** With the offset of the batch's first record. */
  readonly landed: (baseOffset: number) => void;
  readonly failed: (error: MillraceError) => void;
  settled: boolean;
}

class LaneBatch implements AppendGroup {
  readonly writer: RecordBatchWriter;
  readonly callers: Caller[] = [];
  /** The bytes as they were first sent: another attempt sends the same. Null before. */
  sent: Buffer | null = null;
  /** At most so many bytes of records. */
  bytesBound = 0;
  /** Of who waits by `wait`: when the newest record gives up. */
  deadline = 0;

  constructor(writer: RecordBatchWriter) {
    this.writer = writer;
  }

  wait(waiter: AppendWaiter): void {
    this.callers.push({
      deadline: this.deadline,
      landed: () => waiter.landed(),
      failed: (error) => waiter.failed(error),
      settled: false,
    });
  }
}

/** The identity under which a lane sends, as the broker gave it. */
export interface LaneProducer {
  readonly id: number;
  readonly epoch: number;
}

/** Kafka's sequences are int32 and begin again at 0. */
const SEQUENCE_MASK = 0x7fffffff;

/**
 * What is on its way into one topic-partition. One batch is under way at a time, and nothing goes past it: it is sent until it is
 * acknowledged, whatever became of those who wait for it, because a later batch that lands before it would change the order.
 */
export class PartitionLane {
  readonly topic: string;
  readonly partition: number;
  /** True while a request carries the head. */
  underWay = false;
  failures = 0;
  /** True when the broker does not go on from the head's sequence: the head goes again after `restartSequence`. */
  sequenceLost = false;
  private producer: LaneProducer;
  private readonly compression: BatchCompression;
  private readonly onLeft: (bytesBound: number) => void;
  private sequence = 0;
  private queue: LaneBatch[] = [];
  private spare: RecordBatchWriter | null = null;

  /** `onLeft` is told of the records that wait no more, whatever became of them, by the bounds that they came with. */
  constructor(
    { topic, partition }: TopicPartition,
    producer: LaneProducer,
    compression: BatchCompression,
    onLeft: (bytesBound: number) => void,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.producer = producer;
    this.compression = compression;
    this.onLeft = onLeft;
  }

  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  /** Copies the records. They land in one batch. */
  append(records: readonly RecordInput[], bytesBound: number, deadline: number): Promise<number> {
    const batch = this.batchFor(bytesBound);
    const index = batch.writer.count;
    for (const record of records) batch.writer.append(record);
    return new Promise((resolve, failed) => {
      batch.callers.push({ deadline, landed: (baseOffset) => resolve(baseOffset + index), failed, settled: false });
    });
  }

  /** Copies the record. All that one batch takes lands, and fails, as one. */
  take(record: PackedRecord, bytesBound: number, deadline: number): AppendGroup {
    const batch = this.batchFor(bytesBound);
    batch.writer.appendPacked(record, bytesBound);
    batch.deadline = deadline;
    return batch;
  }

  /** The bytes of the batch in front, to be sent or sent again. Null when there is none. */
  head(): Buffer | null {
    const [batch] = this.queue;
    if (batch === undefined) return null;
    batch.sent ??= compressRecordBatch(
      batch.writer.finish(0, { ...this.producer, sequence: this.sequence }),
      this.compression,
    );
    return batch.sent;
  }

  /** The head is in the log: everybody who waited for it learns the offset. Returns its records and its bytes as they were sent. */
  acknowledge(baseOffset: number): { readonly records: number; readonly bytes: number } {
    const batch = this.shift();
    const { count, byteLength } = batch.writer;
    const bytes = batch.sent?.length ?? byteLength;
    this.countSent(count);
    for (const caller of batch.callers) settle(caller, () => caller.landed(baseOffset));
    this.recycle(batch.writer);
    return { records: count, bytes };
  }

  /** The head is in the log, but the broker does not say where. */
  acknowledgeSomewhere(): void {
    const batch = this.shift();
    this.countSent(batch.writer.count);
    rejectAll(
      batch,
      new MillraceError("LOG_IO", `records are in ${this.topic}/${this.partition}, but nobody knows where`),
    );
    this.recycle(batch.writer);
  }

  /**
   * The broker will never take the head: the next batch takes its place in the sequence. Unless an attempt before has failed: that one
   * may have landed, and the broker would take the next batch for it and drop it.
   */
  refuse(error: MillraceError): void {
    const batch = this.shift();
    this.sequenceLost = this.failures > 0;
    rejectAll(batch, error);
    this.recycle(batch.writer);
  }

  /** What comes next, or again, goes as the first batch of another producer. */
  restartSequence(producer: LaneProducer): void {
    this.producer = producer;
    this.sequence = 0;
    this.sequenceLost = false;
    const [batch] = this.queue;
    if (batch) batch.sent = null;
  }

  /** Rejects who has waited too long. What was never sent is dropped with the last of them; the head stays. */
  expire(now: number, error: () => MillraceError): void {
    for (const { callers } of this.queue) {
      for (const caller of callers) if (caller.deadline <= now) settle(caller, () => caller.failed(error()));
    }
    const dropped = this.queue.filter(({ sent, callers }) => sent === null && callers.every(({ settled }) => settled));
    for (const batch of dropped) this.onLeft(batch.bytesBound);
    this.queue = this.queue.filter((batch) => !dropped.includes(batch));
  }

  /** Rejects everybody and forgets what was not acknowledged. */
  abandon(error: MillraceError): void {
    for (const batch of this.queue) rejectAll(batch, error);
    this.queue = [];
  }

  private countSent(records: number): void {
    this.sequence = (this.sequence + records) & SEQUENCE_MASK;
    this.sequenceLost = false;
    this.failures = 0;
  }

  private batchFor(bytesBound: number): LaneBatch {
    const last = this.queue.at(-1);
    const hasRoom = last?.sent === null && last.writer.byteLength + bytesBound <= LIMITS.produceBatchBytesMax;
    const batch = hasRoom ? last : new LaneBatch(this.spare ?? new RecordBatchWriter());
    batch.bytesBound += bytesBound;
    if (hasRoom) return batch;
    this.spare = null;
    this.queue.push(batch);
    return batch;
  }

  private shift(): LaneBatch {
    const batch = this.queue.shift();
    if (batch === undefined) throw new Error(`nothing is under way to ${this.topic}/${this.partition}`);
    this.onLeft(batch.bytesBound);
    return batch;
  }

  private recycle(writer: RecordBatchWriter): void {
    writer.reset();
    this.spare = writer;
  }
}

function rejectAll({ callers }: LaneBatch, error: MillraceError): void {
  for (const caller of callers) settle(caller, () => caller.failed(error));
}

function settle(caller: Caller, how: () => void): void {
  if (caller.settled) return;
  caller.settled = true;
  how();
}
