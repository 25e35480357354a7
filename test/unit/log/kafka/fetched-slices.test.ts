import { describe, expect, test } from "vitest";
import { slicesOf } from "../../../../log/kafka/fetched-slices.ts";
import { compressRecordBatch } from "../../../../wire/record-batch-compression.ts";
import { encodeRecordBatch } from "../../../../wire/record-batch-writer.ts";
import { batchWith } from "../../../support/compressed-batch.ts";
import type { FetchedPartition } from "../../../../wire/kafka/fetch.ts";

const RECORDS = 100;
const UNKNOWN_CODEC = 5;

/** Compressed, it is a tenth of its records. */
function batch(baseOffset: number): Buffer {
  const value = Buffer.from("the same again and again".repeat(4));
  const records = Array.from({ length: RECORDS }, () => ({ timestamp: 1, key: "k", value, headers: [] }));
  return compressRecordBatch(encodeRecordBatch(records, baseOffset), "zstd");
}

function fetched(...batches: readonly Buffer[]): FetchedPartition {
  return { topic: "t", partition: 0, errorCode: 0, highWatermark: 0, batches: Buffer.concat(batches) };
}

describe("what a broker sent", () => {
  test("is expanded no further than is wanted, and the rest goes on from there", () => {
    let answer = fetched(batch(0), batch(100), batch(200));
    expect(answer.batches.length).toBeLessThan(1500);
    let offset = 0;
    const reached: number[] = [];
    while (answer.batches.length > 0) {
      const { slices, bytes, rest } = slicesOf(answer, offset, 1500);
      expect(bytes).toBeLessThan(15_000);
      offset = slices.at(-1)?.nextOffset ?? offset;
      reached.push(offset);
      answer = { ...answer, batches: rest };
    }
    expect(reached).toEqual([100, 200, 300]);
  });

  test("gives what lies before a batch that may not be passed over, and the error then", () => {
    const answer = fetched(batch(0), batchWith(UNKNOWN_CODEC, Buffer.alloc(99), 100), batch(101));
    const first = slicesOf(answer, 0, Number.POSITIVE_INFINITY);
    expect(first.slices.map(({ nextOffset }) => nextOffset)).toEqual([100]);
    const next = { ...answer, batches: first.rest };
    expect(() => slicesOf(next, 100, 1)).toThrow(expect.objectContaining({ code: "BATCH_UNSUPPORTED" }));
  });

  test("leaves out records before the offset, and whole batches", () => {
    const { slices, rest } = slicesOf(fetched(batch(0), batch(100), batch(200)), 150, Number.POSITIVE_INFINITY);
    expect(slices.map(({ records, nextOffset }) => [records[0]?.offset, records.length, nextOffset])).toEqual([
      [150, 150, 300],
    ]);
    expect(rest).toHaveLength(0);
  });
});
