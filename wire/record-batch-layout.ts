/**
 * Kafka's RecordBatch v2 (magic 2), as KIP-98 and the message format chapter of Kafka's documentation have it. Big endian.
 * The crc (crc32c) covers everything from `attributes` on, so the base offset and the leader epoch can be set afterwards.
 */
export const BATCH = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** `length` counts what follows it. */
export const BATCH_LENGTH_BASE = 12;
export const BATCH_MAGIC = 2;
/** Of the attributes: how the records are compressed. */
export const BATCH_CODEC_MASK = 7;
/** Set where the broker dates records (message.timestamp.type=LogAppendTime): all are of the greatest timestamp then. */
export const BATCH_APPEND_TIME = 8;

/** The least that a record takes: its length, attributes, two deltas, no key, no value, no headers. */
export const RECORD_BYTES_MIN = 7;

const TWO_32 = 0x1_0000_0000;

export function writeInt64(bytes: Buffer, at: number, value: number): void {
  bytes.writeInt32BE(Math.floor(value / TWO_32), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}
