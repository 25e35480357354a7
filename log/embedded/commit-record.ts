import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { KeptBuffer } from "../../wire/kept-buffer.ts";
import { checksum } from "../../wire/record-batch-checksum.ts";

/**
 * One physical record of a group commit: header, directory, batches. LMDB's cost is per put, so everything that a group appends to
 * all partitions goes into one record, and the directory says where each partition's batch lies. Little endian; the crc covers header
 * and directory, the batches have their own.
 *
 *     0 magic u32 · 4 crc32c u32 · 8 entries u32 · 12 reserved u32 · 16 time f64 · 24 directory · batches
 *     entry: 0 topic-partition u32 · 4 records u32 · 8 base offset f64 · 16 last timestamp f64 · 24 byte offset u32 · 28 bytes u32
 */
const MAGIC = 0x3143524d;
const HEADER_BYTES = 24;
const ENTRY_BYTES = 32;
const CRC_FROM = 8;

export interface PlacedBatch {
  /** Index in the topology. */
  readonly topicPartition: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly lastTimestamp: number;
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface UnplacedBatch extends Omit<PlacedBatch, "byteOffset" | "byteLength"> {
  readonly bytes: Uint8Array;
}

export interface CommitDirectory {
  /** Writer's clock at the commit, UTC ms: retention by age goes by it. */
  readonly time: number;
  readonly batches: readonly PlacedBatch[];
}

export function commitRecordBytes(batches: readonly UnplacedBatch[]): number {
  return batches.reduce((sum, batch) => sum + ENTRY_BYTES + batch.bytes.length, HEADER_BYTES);
}

/**
 * Encodes into buffers that are used again: V8 collects large ones only together with everything else. What `encode` gives holds until the
 * next call.
 */
export class CommitRecordEncoder {
  private readonly buffers: KeptBuffer[] = [];

  /** As few records as hold the batches: a group that waited for the disk may be longer than one may be. */
  encode(time: number, batches: readonly UnplacedBatch[]): Buffer[] {
    const records: Buffer[] = [];
    let some: UnplacedBatch[] = [];
    const close = (): void => {
      const buffer = this.buffer(records.length, commitRecordBytes(some));
      records.push(encodeCommitRecord(time, some, buffer));
      some = [];
    };
    for (const batch of batches) {
      if (some.length > 0 && commitRecordBytes(some) + batch.bytes.length > LIMITS.groupCommitBytesMax) close();
      some.push(batch);
    }
    if (some.length > 0) close();
    // Those that a burst alone has needed go as the first does.
    for (const unused of this.buffers.slice(records.length)) unused.release(0);
    return records;
  }

  private buffer(index: number, bytes: number): Buffer<ArrayBuffer> {
    const kept = (this.buffers[index] ??= new KeptBuffer());
    // The record that it held before is written.
    kept.release(bytes);
    kept.reserve(bytes, 0);
    return kept.bytes;
  }
}

/** `buffer` has room for `commitRecordBytes`; the record is a view of it. */
export function encodeCommitRecord(
  time: number,
  batches: readonly UnplacedBatch[],
  buffer = Buffer.allocUnsafeSlow(commitRecordBytes(batches)),
): Buffer {
  const record = buffer.subarray(0, commitRecordBytes(batches));
  let entryAt = HEADER_BYTES;
  let byteOffset = HEADER_BYTES + batches.length * ENTRY_BYTES;
  record.writeUInt32LE(MAGIC, 0);
  record.writeUInt32LE(batches.length, 8);
  record.writeUInt32LE(0, 12);
  record.writeDoubleLE(time, 16);
  for (const batch of batches) {
    record.writeUInt32LE(batch.topicPartition, entryAt);
    record.writeUInt32LE(batch.count, entryAt + 4);
    record.writeDoubleLE(batch.baseOffset, entryAt + 8);
    record.writeDoubleLE(batch.lastTimestamp, entryAt + 16);
    record.writeUInt32LE(byteOffset, entryAt + 24);
    record.writeUInt32LE(batch.bytes.length, entryAt + 28);
    record.set(batch.bytes, byteOffset);
    byteOffset += batch.bytes.length;
    entryAt += ENTRY_BYTES;
  }
  record.writeUInt32LE(checksum(record.subarray(CRC_FROM, entryAt)), 4);
  return record;
}

/** BATCH_CORRUPT when header or directory are damaged. The batches are not looked at. */
export function decodeCommitDirectory(bytes: Uint8Array): CommitDirectory {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = record.length < HEADER_BYTES ? 0 : record.readUInt32LE(8);
  const end = HEADER_BYTES + count * ENTRY_BYTES;
  const sound = count > 0 && end <= record.length && record.readUInt32LE(0) === MAGIC;
  if (!sound || record.readUInt32LE(4) !== checksum(record.subarray(CRC_FROM, end))) {
    throw new MillraceError("BATCH_CORRUPT", "the directory of a commit is damaged");
  }
  const batches: PlacedBatch[] = [];
  for (let at = HEADER_BYTES; at < end; at += ENTRY_BYTES) {
    batches.push({
      topicPartition: record.readUInt32LE(at),
      count: record.readUInt32LE(at + 4),
      baseOffset: record.readDoubleLE(at + 8),
      lastTimestamp: record.readDoubleLE(at + 16),
      byteOffset: record.readUInt32LE(at + 24),
      byteLength: record.readUInt32LE(at + 28),
    });
  }
  return { time: record.readDoubleLE(16), batches };
}
