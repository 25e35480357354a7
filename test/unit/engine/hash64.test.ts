import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HASH_LENGTH, hashBytes, hashText } from "../../../engine/hash64.ts";

describe("the 64-bit hash", () => {
  it("is a fixed text for fixed bytes: it lies in journals", () => {
    expect(hashBytes(Buffer.from("millrace"))).toBe(hashBytes(Buffer.from("millrace")));
    expect([hashBytes(Buffer.from("")), hashBytes(Buffer.from("millrace")), hashText("millrace")])
      .toMatchInlineSnapshot(`
      [
        "A1r8eYyTV2C",
        "J7LfUAx-XlD",
        "Ypu9jcBVUiH",
      ]
    `);
  });

  it("always has the same length and differs for different bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(hashBytes(a)).toHaveLength(HASH_LENGTH);
        expect(hashBytes(a) === hashBytes(b)).toBe(Buffer.from(a).equals(b));
      }),
    );
  });

  it("spreads over both lanes: half a million similar payloads, no collision", () => {
    const whole = new Set<string>();
    const room = Buffer.alloc(16);
    for (let i = 0; i < 500_000; i += 1) {
      room.writeUInt32LE(i, 4);
      whole.add(hashBytes(room));
    }
    expect(whole.size).toBe(500_000);
  });
});
