import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRecordBatch, recordKeys } from "../../../wire/record-batch-reader.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";

const record = fc.record({
  timestamp: fc.integer({ min: 0, max: 2 ** 50 }),
  key: fc.option(fc.string({ unit: "grapheme" })),
  value: fc.uint8Array({ maxLength: 300 }),
  headers: fc.array(fc.tuple(fc.constantFrom("adm", "qos"), fc.string())),
});

describe("recordKeys", () => {
  it("gives the keys that decoding gives", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
        const batch = encodeRecordBatch(records, 7);
        expect(recordKeys(batch, "kind")).toEqual(decodeRecordBatch(batch).records.map(({ key }) => key));
      }),
    );
  });

  it("leaves a batch in which a record has the header to decoding", () => {
    const plain = { timestamp: 1, key: "k", value: Buffer.from("v"), headers: [] };
    expect(recordKeys(encodeRecordBatch([plain, { ...plain, headers: [["kind", "tick"]] }], 0), "kind")).toBeNull();
  });

  it("refuses a batch that fails its checksum", () => {
    const batch = Buffer.from(encodeRecordBatch([{ timestamp: 1, key: "k", value: Buffer.from("v"), headers: [] }], 0));
    batch[batch.length - 2] = (batch[batch.length - 2] ?? 0) ^ 1;
    expect(() => recordKeys(batch, "kind")).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
  });
});
