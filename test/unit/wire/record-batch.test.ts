import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMillraceError } from "../../../core/errors.ts";
import { checksum } from "../../../wire/record-batch-checksum.ts";
import { decodeRecordBatch, headerBegins } from "../../../wire/record-batch-reader.ts";
import { madeRecord } from "../../../core/made-record.ts";
import { encodeRecordBatch, patchBaseOffset, RecordBatchWriter } from "../../../wire/record-batch-writer.ts";
import type { Header, RecordInput } from "../../../core/record.ts";

const header: fc.Arbitrary<Header> = fc.tuple(
  fc.string({ unit: "grapheme", maxLength: 80 }),
  fc.string({ unit: "grapheme", maxLength: 200 }),
);
const record: fc.Arbitrary<RecordInput> = fc.record({
  timestamp: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 8_640_000_000_000_000 })),
  key: fc.option(fc.string({ unit: "grapheme", maxLength: 100 })),
  value: fc.uint8Array({ maxLength: 20_000 }),
  headers: fc.array(header, { maxLength: 12 }),
});
const batch = fc.array(record, { minLength: 1, maxLength: 12 });

function plain(bytes: Uint8Array): RecordInput[] {
  return decodeRecordBatch(bytes).records.map((one) => ({
    timestamp: one.timestamp,
    key: one.key,
    value: Uint8Array.from(one.value),
    headers: one.headers(),
  }));
}

/** Two records as the message format chapter of Kafka's documentation has them, worked out by hand. */
const KNOWN = [
  "000000000000002a", // base offset 42
  "0000004f", // length: 79 bytes follow
  "00000000 02", // leader epoch, magic
  "????????", // crc32c
  "0000 00000001", // attributes, last offset delta
  "00000000000003e8 00000000000003f2", // base timestamp 1000, greatest 1010
  "ffffffffffffffff ffff ffffffff", // no producer
  "00000002", // two records
  "22 00 00 00", // 17 bytes; attributes, timestamp delta 0, offset delta 0
  "04 6b31 06 010203", // key "k1", value 01 02 03
  "02 06 716f73 02 31", // one header: "qos" = "1"
  "16 00 14 02", // 11 bytes; timestamp delta 10, offset delta 1
  "01 00", // no key, empty value
  "02 02 75 04 c3bc", // one header: "u" = "ü"
]
  .join("")
  .replaceAll(" ", "");

const KNOWN_RECORDS: RecordInput[] = [
  { timestamp: 1000, key: "k1", value: new Uint8Array([1, 2, 3]), headers: [["qos", "1"]] },
  { timestamp: 1010, key: null, value: new Uint8Array(0), headers: [["u", "ü"]] },
];

function knownBytes(): Buffer {
  const bytes = Buffer.from(KNOWN.replace("????????", "00000000"), "hex");
  bytes.writeUInt32BE(checksum(bytes.subarray(21)), 17);
  return bytes;
}

describe("a record batch", () => {
  test("is byte for byte what Kafka's message format says", () => {
    expect(encodeRecordBatch(KNOWN_RECORDS, 42).toString("hex")).toBe(knownBytes().toString("hex"));
  });

  test("is read from those bytes", () => {
    const read = decodeRecordBatch(knownBytes());
    expect(read).toMatchObject({ baseOffset: 42, nextOffset: 44, maxTimestamp: 1010 });
    expect(read.records.map(({ offset }) => offset)).toEqual([42, 43]);
    expect(plain(knownBytes())).toEqual(KNOWN_RECORDS);
  });

  test("has the broker's time for all records where the broker dates them, and is refused as part of a transaction", () => {
    const dated = knownBytes();
    const attributed = (attributes: number): Buffer => {
      dated.writeInt16BE(attributes, 21);
      dated.writeBigInt64BE(77_000n, 35);
      dated.writeUInt32BE(checksum(dated.subarray(21)), 17);
      return dated;
    };
    expect(plain(attributed(8)).map(({ timestamp }) => timestamp)).toEqual([77_000, 77_000]);
    for (const transactional of [16, 32]) {
      expect(() => decodeRecordBatch(attributed(transactional))).toThrow(/of a kind that is not written here/);
    }
  });

  test("gives back any records that it was made of", () => {
    fc.assert(
      fc.property(batch, (records) => {
        expect(plain(encodeRecordBatch(records))).toEqual(records);
      }),
    );
  });

  test("keeps its checksum when it gets another base offset", () => {
    fc.assert(
      fc.property(batch, fc.nat({ max: Number.MAX_SAFE_INTEGER - 100 }), (records, baseOffset) => {
        const bytes = encodeRecordBatch(records);
        patchBaseOffset(bytes, baseOffset);
        expect(decodeRecordBatch(bytes).records.at(-1)?.offset).toBe(baseOffset + records.length - 1);
      }),
    );
  });

  test("writers can be used again, and grow as needed", () => {
    const writer = new RecordBatchWriter();
    const large: RecordInput = {
      timestamp: 1,
      key: "k".repeat(5000),
      value: new Uint8Array(2_000_000),
      headers: [["ü".repeat(300), "x".repeat(9000)]],
    };
    for (const record of [large, KNOWN_RECORDS[0] ?? large, large]) writer.append(record);
    expect(plain(writer.finish(0))).toHaveLength(3);
    writer.reset();
    for (const record of KNOWN_RECORDS) writer.append(record);
    expect(writer.finish(42).toString("hex")).toBe(knownBytes().toString("hex"));
  });

  test("gives the first header of a name, and none for a name that is missing", () => {
    const headers: Header[] = [
      ["a", "1"],
      ["ä", "2"],
      ["a", "3"],
      ["", "4"],
    ];
    const [read] = decodeRecordBatch(
      encodeRecordBatch([{ timestamp: 0, key: "k", value: new Uint8Array(1), headers }]),
    ).records;
    expect(["a", "ä", "", "b"].map((name) => read?.header(name))).toEqual(["1", "2", "4", undefined]);
    if (read === undefined) throw new TypeError("no record");
    const begins = (name: string, text: string): boolean => headerBegins(read, name, text);
    expect([begins("a", "1"), begins("ä", "2"), begins("a", ""), begins("", "4")]).toEqual([true, true, true, true]);
    expect([begins("a", "2"), begins("a", "12"), begins("b", "1"), begins("b", "")]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    // Of a record that comes from no batch.
    const made = madeRecord({ offset: 0, timestamp: 0, key: null, value: new Uint8Array(), headers: [["a", "12"]] });
    expect([headerBegins(made, "a", "1"), headerBegins(made, "a", "2"), headerBegins(made, "b", "")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("makes equal keys one string and keeps different ones apart", () => {
    const keys = ["acme/1", "acme/2", "acme/1", null, "acme/ü", "acme/ü", ""];
    const records = keys.map((key) => ({ timestamp: 0, key, value: new Uint8Array(0), headers: [] }));
    expect(decodeRecordBatch(encodeRecordBatch(records)).records.map(({ key }) => key)).toEqual(keys);
  });
});

describe("damaged bytes", () => {
  /** Everything of a batch is looked at; only these errors may come out. */
  function consume(bytes: Uint8Array, codes = /^BATCH_CORRUPT$/): boolean {
    try {
      for (const one of decodeRecordBatch(bytes).records) {
        one.headers();
        one.header("a");
      }
      return true;
    } catch (error) {
      if (!isMillraceError(error) || !codes.test(error.code)) throw error;
      return false;
    }
  }

  test("are BATCH_CORRUPT wherever the batch is cut off", () => {
    const whole = knownBytes();
    for (let length = 0; length < whole.length; length++) expect(consume(whole.subarray(0, length))).toBe(false);
    expect(consume(Buffer.concat([whole, Buffer.alloc(1)]))).toBe(false);
  });

  test("are BATCH_CORRUPT whichever bit after the base offset and the leader epoch is flipped", () => {
    const whole = knownBytes();
    for (let bit = 8 * 8; bit < whole.length * 8; bit++) {
      const at = bit >> 3;
      if (at >= 12 && at < 16) continue;
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      expect(consume(flipped)).toBe(false);
    }
  });

  test("give a named error at worst, also when length and checksum agree with the lie", () => {
    const lies = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(batch, lies, (records, changes) => {
        const bytes = encodeRecordBatch(records);
        for (const [at, value] of changes) bytes[21 + (at % (bytes.length - 21))] = value;
        bytes.writeUInt32BE(checksum(bytes.subarray(21)), 17);
        // A lie may be that the records are compressed.
        consume(bytes, /^BATCH_(CORRUPT|TOO_LARGE|UNSUPPORTED)$/);
      }),
      { numRuns: 500 },
    );
  });

  test("never do worse than BATCH_CORRUPT when they are noise", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => void consume(noise)),
      { numRuns: 300 },
    );
  });
});
