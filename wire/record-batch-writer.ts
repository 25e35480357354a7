import { checksum } from "./record-batch-checksum.ts";
import { BATCH, BATCH_LENGTH_BASE, BATCH_MAGIC, writeInt64 } from "./record-batch-layout.ts";
import { lengthVarintBytes, writeVarint, writeVarlong } from "./varint.ts";
import { KeptBuffer } from "./kept-buffer.ts";
import type { EncodedParts, PackedRecord, RecordInput } from "../core/record.ts";

/** Room for a record's numbers: length, attributes, deltas, key and value lengths, header count. */
const RECORD_NUMBERS_BYTES_MAX = 48;

/** Who wrote a batch, and the number of its first record among all that this producer wrote to the partition. */
export interface BatchProducer {
  readonly id: number;
  readonly epoch: number;
  readonly sequence: number;
}

const NO_PRODUCER: BatchProducer = { id: -1, epoch: -1, sequence: -1 };

/**
 * Builds one batch, record after record, in a buffer that is used again after `reset`. What is appended is copied. Not for batches
 * of more than 2 GiB.
 */
export class RecordBatchWriter {
  count = 0;
  /** Bytes so far, the header included. */
  byteLength: number = BATCH.records;
  lastTimestamp = 0;
  private readonly buffer = new KeptBuffer();
  private baseTimestamp = 0;
  private maxTimestamp = 0;

  /** Makes room for these records at once: growing bit by bit copies them twice over. */
  makeRoom(records: readonly RecordInput[]): void {
    let bytes = 0;
    for (const record of records) bytes += recordBytesBound(record);
    this.reserve(bytes);
  }

  /** Bytes that its buffer takes. */
  get capacity(): number {
    return this.buffer.bytes.length;
  }

  append(record: RecordInput): void {
    const { key, timestamp } = record;
    this.reserve(recordBytesBound(record));
    const { bytes } = this.buffer;
    const keyAt = this.begin(timestamp);
    const at = key === null ? writeVarint(bytes, keyAt, -1) : writeText(bytes, keyAt, key);
    const { encoded } = record;
    this.end(timestamp, encoded === undefined ? writeParts(bytes, at, record) : copyParts(bytes, at, encoded));
  }

  /** As `append`; `bytesBound` as `packedBytesBound` has it. */
  appendPacked(record: PackedRecord, bytesBound: number): void {
    const { timestamp, key, source, valueStart, valueEnd, headers, headersLength } = record;
    this.reserve(bytesBound);
    const { bytes } = this.buffer;
    let at = this.begin(timestamp);
    for (let index = 0; index < key.length; index++) bytes[at++] = key[index] ?? 0;
    at = writeVarint(bytes, at, valueEnd - valueStart);
    source.copy(bytes, at, valueStart, valueEnd);
    at += valueEnd - valueStart;
    headers.copy(bytes, at, 0, headersLength);
    this.end(timestamp, at + headersLength);
  }

  /**
   * The batch: a view that holds until the next `append` or `reset`. `producer` is for brokers that drop what they have already
   * (KIP-98).
   */
  finish(baseOffset: number, producer: BatchProducer = NO_PRODUCER): Buffer {
    const bytes = this.buffer.bytes.subarray(0, this.byteLength);
    writeInt64(bytes, BATCH.baseOffset, baseOffset);
    bytes.writeInt32BE(this.byteLength - BATCH_LENGTH_BASE, BATCH.length);
    bytes.writeInt32BE(0, BATCH.leaderEpoch);
    bytes[BATCH.magic] = BATCH_MAGIC;
    bytes.writeInt16BE(0, BATCH.attributes);
    bytes.writeInt32BE(this.count - 1, BATCH.lastOffsetDelta);
    writeInt64(bytes, BATCH.baseTimestamp, this.baseTimestamp);
    writeInt64(bytes, BATCH.maxTimestamp, this.maxTimestamp);
    writeInt64(bytes, BATCH.producerId, producer.id);
    bytes.writeInt16BE(producer.epoch, BATCH.producerEpoch);
    bytes.writeInt32BE(producer.sequence, BATCH.baseSequence);
    bytes.writeInt32BE(this.count, BATCH.recordCount);
    bytes.writeUInt32BE(checksum(bytes.subarray(BATCH.attributes)), BATCH.crc);
    return bytes;
  }

  reset(): void {
    this.buffer.release(this.byteLength);
    this.count = 0;
    this.byteLength = BATCH.records;
  }

  /** Writes what stands in front of the key, and returns where that begins. */
  private begin(timestamp: number): number {
    if (this.count === 0) {
      this.baseTimestamp = timestamp;
      this.maxTimestamp = timestamp;
    } else if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp;
    }
    // The length in front is known only at the end: most records take two bytes for it, the others are moved.
    const body = this.byteLength + 2;
    const { bytes } = this.buffer;
    bytes[body] = 0;
    return writeVarint(bytes, writeVarlong(bytes, body + 1, timestamp - this.baseTimestamp), this.count);
  }

  private end(timestamp: number, at: number): void {
    const { bytes } = this.buffer;
    const start = this.byteLength;
    const length = at - start - 2;
    const lengthBytes = lengthVarintBytes(length);
    if (lengthBytes !== 2) bytes.copyWithin(start + lengthBytes, start + 2, at);
    writeVarint(bytes, start, length);
    this.byteLength = start + lengthBytes + length;
    this.count += 1;
    this.lastTimestamp = timestamp;
  }

  private reserve(more: number): void {
    this.buffer.reserve(this.byteLength + more, this.byteLength);
  }
}

function writeParts(bytes: Buffer, at: number, { value, headers }: RecordInput): number {
  const valueAt = writeVarint(bytes, at, value.length);
  bytes.set(value, valueAt);
  let end = writeVarint(bytes, valueAt + value.length, headers.length);
  for (const header of headers) {
    end = writeText(bytes, end, header[0]);
    end = writeText(bytes, end, header[1]);
  }
  return end;
}

function copyParts(bytes: Buffer, at: number, parts: EncodedParts): number {
  const start = writeVarint(bytes, at, parts.valueEnd - parts.valueStart);
  parts.bytes.copy(bytes, start, parts.valueStart, parts.headersEnd);
  return start + parts.headersEnd - parts.valueStart;
}

/** One batch in bytes of its own. `records` holds at least one. */
export function encodeRecordBatch(records: readonly RecordInput[], baseOffset = 0): Buffer {
  const writer = new RecordBatchWriter();
  writer.makeRoom(records);
  for (const record of records) writer.append(record);
  return writer.finish(baseOffset);
}

/** Gives a finished batch another base offset, in place: the crc does not cover it. */
export function patchBaseOffset(batch: Buffer, baseOffset: number): void {
  writeInt64(batch, BATCH.baseOffset, baseOffset);
}

/** At most this many bytes for the record: no UTF-16 unit takes more than three bytes of UTF-8. */
export function recordBytesBound(record: RecordInput): number {
  const { key, encoded } = record;
  const keyBound = RECORD_NUMBERS_BYTES_MAX + (key === null ? 0 : key.length * 3);
  if (encoded !== undefined) return keyBound + encoded.headersEnd - encoded.valueStart;
  let bound = keyBound + record.value.length;
  for (const header of record.headers) bound += (header[0].length + header[1].length) * 3 + 10;
  return bound;
}

/** Bytes of the record's value. */
export function valueBytes(record: RecordInput): number {
  const { encoded } = record;
  return encoded === undefined ? record.value.length : encoded.valueEnd - encoded.valueStart;
}

/** As `recordBytesBound`. */
export function packedBytesBound(record: PackedRecord): number {
  return RECORD_NUMBERS_BYTES_MAX + record.key.length + record.valueEnd - record.valueStart + record.headersLength;
}

/** Length and UTF-8 bytes. Short ASCII, which nearly all keys and headers are, goes without a call out of JavaScript. */
export function writeText(bytes: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length < 0x40) {
    let position = at + 1;
    let index = 0;
    for (; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) break;
      bytes[position++] = code;
    }
    if (index === length) {
      bytes[at] = length << 1;
      return position;
    }
  }
  const byteLength = Buffer.byteLength(text);
  const start = writeVarint(bytes, at, byteLength);
  bytes.write(text, start, "utf8");
  return start + byteLength;
}
