import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RowBinaryWriter } from "../../../wire/row-binary.ts";

/** A reader in another style: BigInt, one byte at a time. */
function reader(bytes: Uint8Array) {
  let at = 0;
  const take = (count: number) => Buffer.from(bytes.subarray(at, (at += count)));
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(take(1)[0] ?? 0);
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return Number(value);
    }
  };
  return {
    uint8: () => take(1).readUInt8(),
    uint16: () => take(2).readUInt16LE(),
    uint32: () => take(4).readUInt32LE(),
    int64: () => take(8).readBigInt64LE(),
    float64: () => take(8).readDoubleLE(),
    string: () => take(varint()).toString("utf8"),
    done: () => at === bytes.length,
  };
}

const cell = fc.oneof(
  fc.record({ type: fc.constant("uint8" as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ type: fc.constant("uint16" as const), value: fc.integer({ min: 0, max: 65_535 }) }),
  fc.record({ type: fc.constant("uint32" as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ type: fc.constant("int64" as const), value: fc.maxSafeInteger() }),
  fc.record({ type: fc.constant("float64" as const), value: fc.double() }),
  fc.record({ type: fc.constant("string" as const), value: fc.string({ unit: "grapheme", maxLength: 300 }) }),
);

describe("RowBinaryWriter", () => {
  it("writes what a reader of the format reads back, whatever the mixture of types", () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 200 }), fc.integer({ min: 0, max: 64 }), (cells, initialBytes) => {
        const writer = new RowBinaryWriter(initialBytes);
        for (const { type, value } of cells) {
          if (type === "string") writer.string(value);
          else writer[type](value);
        }
        const bytes = writer.finish();
        expect(bytes.length).toBe(writer.byteLength);
        const read = reader(bytes);
        for (const { type, value } of cells) expect(read[type]()).toEqual(type === "int64" ? BigInt(value) : value);
        expect(read.done()).toBe(true);
      }),
    );
  });

  it("writes strings of every length around the borders of the length prefix", () => {
    for (const unit of ["a", "é", "€", "😀"]) {
      for (const count of [0, 1, 41, 42, 43, 63, 64, 127, 128, 129, 16_383, 16_384]) {
        const writer = new RowBinaryWriter(16);
        writer.string(unit.repeat(count));
        expect(reader(writer.finish()).string()).toBe(unit.repeat(count));
      }
    }
  });

  it("writes times before 1970 as negative ticks", () => {
    const writer = new RowBinaryWriter();
    for (const value of [-1, -(2 ** 32), -(2 ** 32) - 1, Number.MIN_SAFE_INTEGER]) writer.int64(value);
    const read = reader(writer.finish());
    expect([read.int64(), read.int64(), read.int64(), read.int64()]).toEqual([
      -1n,
      -4_294_967_296n,
      -4_294_967_297n,
      BigInt(Number.MIN_SAFE_INTEGER),
    ]);
  });

  it("refuses an integer that a double cannot hold exactly", () => {
    const writer = new RowBinaryWriter();
    for (const value of [2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => writer.int64(value)).toThrow(RangeError);
    }
    expect(writer.byteLength).toBe(0);
  });

  it("writes a flag before a nullable value, and nothing after the flag of null", () => {
    const writer = new RowBinaryWriter();
    for (const value of [7, null, undefined]) if (writer.nullable(value)) writer.uint8(value);
    expect([...writer.finish()]).toEqual([0, 7, 1, 1]);
  });

  it("writes a lone surrogate as the replacement character, as all of Node does", () => {
    const writer = new RowBinaryWriter();
    writer.string("\ud800");
    writer.string("x".repeat(50) + "\udfff");
    const read = reader(writer.finish());
    expect([read.string(), read.string()]).toEqual(["\ufffd", `${"x".repeat(50)}\ufffd`]);
  });
});
