import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { checksum } from "../../../wire/record-batch-checksum.ts";
import { compressRecordBatch, expandRecords } from "../../../wire/record-batch-compression.ts";
import { decodeRecordBatch } from "../../../wire/record-batch-reader.ts";
import { walkRecordBatches } from "../../../wire/record-batch-walk.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import { batchWith, bombs, CODEC, recordsOf } from "../../support/compressed-batch.ts";

const PLENTY = 1024 * 1024;
const ALIKE = Array.from({ length: 50 }, (_, index) => {
  const value = Buffer.from(JSON.stringify({ temperature: 21.5, pressure: 1013, index }));
  return { timestamp: index, key: "acme/pump-1", value, headers: [] };
});

/** 40 letters, six readings, a sentence, 70 letters: as other libraries have compressed them. */
const TEXT = `${"a".repeat(40)}${"temperature=21.5;".repeat(6)}the end, ${"x".repeat(70)}`;
const KNOWN = {
  lz4: "04224d186040822f0000001f61010014ff0274656d70657261747572653d32312e353b1100439f686520656e642c207801002c6078787878787800000000",
  snappy: "dd0100619a01004074656d70657261747572653d32312e353bfe110056110020686520656e642c2078fe01000501",
};
/** Kafka's Java clients write Snappy in a stream of blocks. */
const STREAM = `82534e41505059000000000100000001${(KNOWN.snappy.length / 2).toString(16).padStart(8, "0")}${KNOWN.snappy}`;

function valuesOf(batch: Uint8Array): string[] {
  return decodeRecordBatch(batch).records.map(({ value }) => Buffer.from(value).toString());
}

describe("a batch that is compressed", () => {
  test.each(["gzip", "zstd"] as const)("is smaller, and read like the one before: %s", (compression) => {
    const plain = Buffer.from(encodeRecordBatch(ALIKE, 7));
    const compressed = compressRecordBatch(plain, compression);
    expect(compressed.length).toBeLessThan(plain.length / 3);
    expect(compressed.readInt16BE(21)).toBe(CODEC[compression]);
    expect(valuesOf(compressed)).toEqual(valuesOf(plain));
    expect(decodeRecordBatch(compressed)).toMatchObject({
      baseOffset: 7,
      nextOffset: 57,
      recordBytes: plain.length - 61,
    });
  });

  test("is left as it is where nothing is gained, or no reader would expand it", () => {
    const [one] = ALIKE;
    if (one === undefined) throw new Error("no record");
    const small = encodeRecordBatch([one]);
    expect(compressRecordBatch(small, "zstd")).toBe(small);
    const plain = encodeRecordBatch(ALIKE);
    expect(compressRecordBatch(plain, "none")).toBe(plain);
    const noise = new Uint8Array(5000).map((_, at) => (Math.imul(at, 2654435761) >>> 13) ^ Math.imul(at, at));
    const random = encodeRecordBatch([{ ...one, value: noise }]);
    expect(compressRecordBatch(random, "gzip")).toBe(random);
    const vast = encodeRecordBatch([{ ...one, value: new Uint8Array(LIMITS.expandedBatchBytesMax) }]);
    // Shown in full it would be a failure of its own.
    expect(compressRecordBatch(vast, "zstd") === vast).toBe(true);
  });

  test.each([
    ["LZ4", CODEC.lz4, KNOWN.lz4],
    ["bare Snappy", CODEC.snappy, KNOWN.snappy],
    ["Snappy in a stream", CODEC.snappy, STREAM],
  ])("by others is expanded: %s", (_, codec, hex) => {
    expect(expandRecords(codec, Buffer.from(hex, "hex"), PLENTY).toString()).toBe(TEXT);
  });

  test("in a way that is not known is refused, and not passed over as damaged", () => {
    const unknown = batchWith(5, Buffer.alloc(100));
    expect(() => [...walkRecordBatches(unknown)]).toThrow(expect.objectContaining({ code: "BATCH_UNSUPPORTED" }));
  });
});

describe("a batch that expands beyond the ceiling", () => {
  test.each(bombs(LIMITS.expandedBatchBytesMax + 1))("is BATCH_TOO_LARGE, and passed over: %s", (_, codec, records) => {
    expect(records.length).toBeLessThan(LIMITS.fetchBytesMax);
    const batch = batchWith(codec, records, 3);
    const failure = expect.objectContaining({ code: "BATCH_TOO_LARGE", retry: "never" });
    expect(() => decodeRecordBatch(batch)).toThrow(failure);
    const good = Buffer.from(encodeRecordBatch(ALIKE, 4));
    const walked = [...walkRecordBatches(Buffer.concat([batch, good]))];
    expect(walked.map(({ records: some }) => some?.length ?? null)).toEqual([null, 50]);
    expect(walked[0]).toMatchObject({ baseOffset: 3, nextOffset: 4, damage: failure });
  });

  test.each(bombs(PLENTY))("is not one byte below it: %s", (name, codec, records) => {
    expect(expandRecords(codec, records, PLENTY)).toHaveLength(PLENTY);
    expect(() => expandRecords(codec, records, PLENTY - 1), name).toThrow(
      expect.objectContaining({ code: "BATCH_TOO_LARGE" }),
    );
  });
});

describe("damaged bytes of a compressed batch", () => {
  const records = recordsOf(encodeRecordBatch(ALIKE));
  const SOUND = [
    [CODEC.gzip, gzipSync(records)],
    [CODEC.zstd, zstdCompressSync(records)],
    [CODEC.lz4, Buffer.from(KNOWN.lz4, "hex")],
    [CODEC.snappy, Buffer.from(KNOWN.snappy, "hex")],
    [CODEC.snappy, Buffer.from(STREAM, "hex")],
  ] as const;

  test("fail the checksum, whatever they would expand to", () => {
    const batch = compressRecordBatch(encodeRecordBatch(ALIKE), "zstd");
    batch[21] = 7;
    expect(() => decodeRecordBatch(batch)).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
  });

  test("whose checksum is right give records or a named error, and nothing else", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...SOUND), changes, fc.nat({ max: 40 }), ([codec, sound], changed, cut) => {
        const bytes = Buffer.from(sound.subarray(0, Math.max(7, sound.length - Math.max(0, cut - 20))));
        for (const [at, value] of changed) bytes[at % bytes.length] = value;
        const batch = batchWith(codec, bytes);
        expect(batch.readUInt32BE(17)).toBe(checksum(batch.subarray(21)));
        try {
          decodeRecordBatch(batch);
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          expect(error.code).toMatch(/^BATCH_(CORRUPT|TOO_LARGE)$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
