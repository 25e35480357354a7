import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KafkaReader } from "../../../../wire/kafka/kafka-reader.ts";
import { KafkaWriter } from "../../../../wire/kafka/kafka-writer.ts";

/** Each primitive type: how it is written and read again. */
const TYPES = {
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  boolean: fc.boolean(),
  string: fc.string({ unit: "grapheme", maxLength: 600 }),
  nullableString: fc.option(fc.string({ unit: "grapheme" })),
  bytesOf: fc.uint8Array({ maxLength: 2000 }),
  compactString: fc.option(fc.string({ unit: "grapheme", maxLength: 300 })),
  array: fc.array(fc.integer(), { maxLength: 200 }),
  compactArray: fc.option(fc.array(fc.string(), { maxLength: 200 })),
  uuid: fc.stringMatching(/^[0-9a-f]{32}$/),
} as const;

type Field = {
  [K in keyof typeof TYPES]: { type: K; value: (typeof TYPES)[K] extends fc.Arbitrary<infer V> ? V : never };
}[keyof typeof TYPES];

const field = fc.oneof(
  ...Object.entries(TYPES).map(([type, arbitrary]) =>
    (arbitrary as fc.Arbitrary<unknown>).map((value) => ({ type, value })),
  ),
) as fc.Arbitrary<Field>;

function write(writer: KafkaWriter, { type, value }: Field): void {
  if (type === "bytesOf") writer.bytesOf([value.subarray(0, 3), value.subarray(3)]);
  else if (type === "array") writer.array(value, (item) => writer.int32(item));
  else if (type === "compactArray") writer.compactArray(value, (item) => writer.compactString(item).noTags());
  else if (type === "boolean") writer.boolean(value);
  else if (type === "nullableString" || type === "string") writer.string(value);
  else if (type === "compactString") writer.compactString(value);
  else if (type === "uuid") writer.uuid(value);
  else writer[type](value);
}

function read(reader: KafkaReader, { type }: Field): unknown {
  if (type === "bytesOf") return Uint8Array.from(reader.bytesOf());
  if (type === "array") return reader.array(() => reader.int32());
  if (type !== "compactArray") return reader[type]();
  return reader.compactArray(() => {
    const text = reader.compactString();
    reader.skipTags();
    return text;
  });
}

describe("Kafka's primitive types", () => {
  test("are the bytes that the protocol guide says", () => {
    const writer = new KafkaWriter()
      .int8(-1)
      .int16(258)
      .int32(-2)
      .int64(2 ** 40 + 1)
      .boolean(true)
      .string("ü")
      .string(null);
    writer
      .compactString("a".repeat(127))
      .compactString(null)
      .compactArray(null, () => undefined)
      .noTags();
    const expected = [
      "ff",
      "0102",
      "fffffffe",
      "0000010000000001",
      "01",
      "0002c3bc",
      "ffff",
      `8001${"61".repeat(127)}`,
      "00",
      "00",
      "00",
    ];
    expect(writer.finish().toString("hex")).toBe(expected.join(""));
  });

  test("keep large parts as they are, between the bytes that come before and behind", () => {
    const [large, small] = [Buffer.alloc(5000, 7), Buffer.alloc(3, 8)];
    const writer = new KafkaWriter().string("a".repeat(600)).bytesOf([large, small, large]).int16(9);
    const pieces = writer.pieces();
    expect(pieces.filter((piece) => piece === large)).toHaveLength(2);
    const head = Buffer.from(`0258${"61".repeat(600)}00002713`, "hex");
    expect(Buffer.concat(pieces)).toEqual(Buffer.concat([head, large, small, large, Buffer.from([0, 9])]));
  });

  test("are read as they were written, whatever comes after what", () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 30 }), (fields) => {
        const writer = new KafkaWriter();
        for (const one of fields) write(writer, one);
        const reader = new KafkaReader(writer.finish());
        expect(fields.map((one) => read(reader, one))).toEqual(fields.map(({ value }) => value));
      }),
    );
  });

  test("carry tagged fields that nobody here knows, which are stepped over", () => {
    const reader = new KafkaReader(Buffer.from("02" + "0003aabbcc" + "8101" + "00" + "0007", "hex"));
    reader.skipTags();
    expect(reader.int16()).toBe(7);
  });
});

describe("an answer that is cut short", () => {
  test("is LOG_IO wherever it ends, never nonsense", () => {
    fc.assert(
      fc.property(field, fc.nat(), (one, cut) => {
        const writer = new KafkaWriter();
        write(writer, one);
        const bytes = writer.finish();
        const reader = new KafkaReader(bytes.subarray(0, cut % bytes.length));
        expect(() => read(reader, one)).toThrow(expect.objectContaining({ code: "LOG_IO" }));
      }),
    );
  });

  test("takes no memory for a count that it does not have", () => {
    const lie = new KafkaWriter().int32(0x7fffffff).finish();
    expect(() => new KafkaReader(lie).array(() => 1)).toThrow(expect.objectContaining({ code: "LOG_IO" }));
    const compact = Buffer.from("ffffffff0f", "hex");
    expect(() => new KafkaReader(compact).compactArray(() => 1)).toThrow(expect.objectContaining({ code: "LOG_IO" }));
    expect(() => new KafkaReader(Buffer.from("ffffffffff01", "hex")).compactString()).toThrow(
      expect.objectContaining({ code: "LOG_IO" }),
    );
  });
});
