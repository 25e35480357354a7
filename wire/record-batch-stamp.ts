import { checksum } from "./record-batch-checksum.ts";
import { BATCH, readInt64, writeInt64 } from "./record-batch-layout.ts";
import type { BatchProducer } from "./record-batch-writer.ts";

/**
 * A copy of the batch as this producer's, with its newest record at `timestamp` (UTC ms) and the others as long before that as they were: the
 * brokers' retention counts from there. The records stay as they are, compressed or not.
 */
export function stampRecordBatch(batch: Buffer, producer: BatchProducer, timestamp: number): Buffer {
  const stamped = Buffer.from(batch);
  const age = timestamp - readInt64(stamped, BATCH.maxTimestamp);
  writeInt64(stamped, BATCH.baseTimestamp, readInt64(stamped, BATCH.baseTimestamp) + age);
  writeInt64(stamped, BATCH.maxTimestamp, timestamp);
  writeInt64(stamped, BATCH.producerId, producer.id);
  stamped.writeInt16BE(producer.epoch, BATCH.producerEpoch);
  stamped.writeInt32BE(producer.sequence, BATCH.baseSequence);
  stamped.writeUInt32BE(checksum(stamped.subarray(BATCH.attributes)), BATCH.crc);
  return stamped;
}

/** How many records a batch says that it has. */
export function recordCountOf(batch: Buffer): number {
  return batch.readInt32BE(BATCH.recordCount);
}
