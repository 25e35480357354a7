import fc from "fast-check";
import { expect, test } from "vitest";
import { PackedHeaders, packText } from "../../../wire/packed-headers.ts";
import { packedBytesBound, RecordBatchWriter } from "../../../wire/record-batch-writer.ts";
import type { Header, RecordInput } from "../../../core/record.ts";

const text = fc.string({ unit: "binary", maxLength: 80 });
const header: fc.Arbitrary<Header> = fc.tuple(text, text);
const message = fc.record({
  timestamp: fc.nat(),
  value: fc.uint8Array({ maxLength: 300 }),
  numbers: fc.tuple(fc.maxSafeNat(), fc.oneof(fc.nat(10), fc.integer({ min: 0, max: 65_535 }))),
});

test("packed records are the same bytes as those of texts", () => {
  const property = fc.property(
    text,
    fc.array(header, { maxLength: 4 }),
    fc.array(message, { minLength: 1, maxLength: 5 }),
    (key, fixed, messages) => {
      const headers = new PackedHeaders(fixed, [
        { name: "adm", prefix: "gateway.12." },
        { name: "pid", prefix: "" },
      ]);
      const [packed, plain] = [new RecordBatchWriter(), new RecordBatchWriter()];
      for (const { timestamp, value, numbers } of messages) {
        headers.rewind();
        numbers.forEach((number, index) => headers.number(index, number));
        const source = Buffer.concat([Buffer.from("before"), value, Buffer.from("behind")]);
        const record = {
          timestamp,
          key: packText(key),
          source,
          valueStart: 6,
          valueEnd: 6 + value.length,
          headers: headers.bytes,
          headersLength: headers.length,
        };
        packed.appendPacked(record, packedBytesBound(record));
        const own: Header[] = [
          ["adm", `gateway.12.${numbers[0]}`],
          ["pid", String(numbers[1])],
        ];
        plain.append({ timestamp, key, value, headers: [...fixed, ...own] } satisfies RecordInput);
      }
      expect(packed.finish(0).equals(plain.finish(0))).toBe(true);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test("a prefix that leaves no room for the digits is a mistake of the caller", () => {
  expect(() => new PackedHeaders([], [{ name: "adm", prefix: "x".repeat(48) }])).toThrow(RangeError);
  expect(() => new PackedHeaders([], []).number(0, 1)).toThrow(RangeError);
});
