import { expect, test } from "vitest";
import { compressRecordBatch } from "../../../wire/record-batch-compression.ts";
import { decodeRecordBatch } from "../../../wire/record-batch-reader.ts";
import { recordCountOf, stampRecordBatch } from "../../../wire/record-batch-stamp.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";

const PRODUCER = { id: 2 ** 40 + 1, epoch: 7, sequence: 12 };
const records = Array.from({ length: 200 }, (_, n) => ({
  timestamp: 1000 + 10 * (n % 3),
  key: `t/d${n}`,
  value: Buffer.from(`value ${n}`),
  headers: [["h", String(n)] as const],
}));

test.each(["none", "zstd", "gzip"] as const)(
  "a stamped batch is the producer's, as old as its newest record, with the same records: %s",
  (compression) => {
    const batch = compressRecordBatch(Buffer.from(encodeRecordBatch(records)), compression);
    const before = Buffer.from(batch);
    const stamped = stampRecordBatch(batch, PRODUCER, 50_000);
    expect(batch).toEqual(before);
    expect([Number(stamped.readBigInt64BE(43)), stamped.readInt16BE(51), stamped.readInt32BE(53)]).toEqual([
      PRODUCER.id,
      PRODUCER.epoch,
      PRODUCER.sequence,
    ]);
    expect(recordCountOf(stamped)).toBe(200);
    const decoded = decodeRecordBatch(stamped);
    expect(decoded.maxTimestamp).toBe(50_000);
    const plain = decoded.records.map((record) => ({
      timestamp: record.timestamp - 48_980,
      key: record.key,
      value: Buffer.from(record.value),
      headers: record.headers(),
    }));
    expect(plain).toEqual(records);
  },
);
