import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes } from "../../../engine/byte-order.ts";

describe("byte order", () => {
  it("is the order of UTF-8 bytes", () => {
    const text = fc.string({ unit: "binary", maxLength: 4 }).filter((one) => one.isWellFormed());
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 1000 },
    );
  });

  it("differs from the order of UTF-16 units where it must", () => {
    const supplementary = String.fromCodePoint(0x1f600);
    const wide = String.fromCodePoint(0xff5e);
    expect(supplementary < wide).toBe(true);
    expect(compareBytes(supplementary, wide)).toBeGreaterThan(0);
  });
});
