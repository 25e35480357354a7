import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lengthVarintBytes, VarintReader, writeVarint, writeVarlong } from "../../../wire/varint.ts";

describe("varints", () => {
  const bytes = Buffer.alloc(16);
  const safe = fc.maxSafeInteger();

  test("have the known encodings", () => {
    const known: [number, string][] = [
      [0, "00"],
      [-1, "01"],
      [1, "02"],
      [63, "7e"],
      [64, "8001"],
      [-2_147_483_648, "ffffffff0f"],
    ];
    for (const [value, hex] of known) expect(bytes.toString("hex", 0, writeVarint(bytes, 0, value))).toBe(hex);
  });

  test("come back as they went", () => {
    fc.assert(
      fc.property(fc.integer(), safe, fc.nat(), (small, large, length) => {
        const end = writeVarlong(bytes, writeVarint(bytes, 0, small), large);
        const reader = new VarintReader(bytes, 0, end);
        expect(reader.readVarint()).toBe(small);
        expect(reader.readVarlong()).toBe(large);
        expect(lengthVarintBytes(length)).toBe(writeVarint(bytes, 0, length));
      }),
    );
  });

  test("that do not end, or are longer than their kind, are BATCH_CORRUPT", () => {
    const endless = Buffer.alloc(16, 0xff);
    for (const end of [0, 1, 16]) {
      expect(() => new VarintReader(endless, 0, end).readVarint()).toThrow(
        expect.objectContaining({ code: "BATCH_CORRUPT" }),
      );
      expect(() => new VarintReader(endless, 0, end).readVarlong()).toThrow(
        expect.objectContaining({ code: "BATCH_CORRUPT" }),
      );
    }
    expect(() => new VarintReader(endless, 0, 4).skip(-1)).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
    expect(() => new VarintReader(endless, 0, 4).skip(5)).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
  });
});
