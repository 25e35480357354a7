import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { OUTCOME_NAMES } from "../../../core/ledger.ts";
import { decodeSnapshotChunk, decodeUnit, encodeSnapshotChunk, encodeUnit } from "../../../wire/unit-codec.ts";
import type { SnapshotChunk, Slot, UnitBody } from "../../../core/commit-unit.ts";

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }).filter((s) => s.isWellFormed()),
);
const slot: fc.Arbitrary<Slot> = fc.record({
  fn: fc.constantFrom("clean", "aggregate", "$time"),
  key: fc.oneof(fc.constantFrom("t/a", "t/b", ""), text),
  name: text,
  value: fc.option(fc.json().map((json) => json)),
});
const step = fc.record({ offset: fc.maxSafeNat(), step: fc.nat() });
const count = fc.oneof(fc.nat(300), fc.maxSafeNat()).filter((n) => n > 0);

const outcomes = fc.array(
  fc.tuple(
    text,
    fc
      .uniqueArray(fc.tuple(fc.constantFrom(...OUTCOME_NAMES), count), { selector: ([name]) => name })
      .map((entries) => Object.fromEntries(entries)),
  ),
);

const unit: fc.Arbitrary<UnitBody> = fc.record({
  v: fc.constant(1 as const),
  stage: text,
  generation: fc.nat(),
  from: step,
  next: step,
  slots: fc.array(slot),
  outcomes,
});

const chunk: fc.Arbitrary<SnapshotChunk> = fc.record({
  v: fc.constant(1 as const),
  stage: text,
  generation: fc.nat(),
  next: step,
  chunk: fc.nat(),
  slots: fc.array(slot),
  outcomes,
});

const sample: UnitBody = {
  v: 1,
  stage: "main",
  generation: 2,
  from: { offset: 10, step: 0 },
  next: { offset: 20, step: 3 },
  slots: [
    { fn: "clean", key: "t/a", name: "head", value: '{"µ":"°"}' },
    { fn: "clean", key: "t/a", name: "gone", value: null },
  ],
  outcomes: [["t/a", { processed: 9, duplicate: 1 }]],
  versions: { clean: 1 },
};

describe("the unit codec", () => {
  it("gives back every unit that it encodes", () => {
    fc.assert(
      fc.property(unit, (body) => {
        expect(decodeUnit(encodeUnit(body))).toEqual(body);
      }),
    );
    expect(decodeUnit(encodeUnit(sample))).toEqual(sample);
  });

  it("gives back every snapshot chunk that it encodes", () => {
    fc.assert(
      fc.property(chunk, (body) => {
        expect(decodeSnapshotChunk(encodeSnapshotChunk(body))).toEqual(body);
      }),
    );
  });

  it("makes the same bytes of the same unit", () => {
    expect(Buffer.from(encodeUnit(sample)).equals(encodeUnit(structuredClone(sample)))).toBe(true);
  });

  it("stays small: names of functions and keys stand once", () => {
    const slots = Array.from({ length: 1000 }, (_, index): Slot => {
      return { fn: "aggregate", key: `tenant/device-${index % 10}`, name: `w${index}`, value: "[1,2,3]" };
    });
    expect(encodeUnit({ ...sample, slots }).length).toBeLessThan(1000 * 18);
  });

  it("reads a unit that lies in the middle of a larger buffer", () => {
    const bytes = encodeUnit(sample);
    const room = new Uint8Array(bytes.length + 20).fill(0xff);
    room.set(bytes, 7);
    expect(decodeUnit(room.subarray(7, 7 + bytes.length))).toEqual(sample);
  });

  it("refuses bytes of the other kind", () => {
    expect(() => decodeSnapshotChunk(encodeUnit(sample))).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
  });

  it("refuses whatever is cut off or has more behind it", () => {
    const bytes = encodeUnit(sample);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeUnit(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
    }
    expect(() => decodeUnit(Buffer.concat([bytes, Buffer.from("x")]))).toThrow(
      expect.objectContaining({ code: "BATCH_CORRUPT" }),
    );
  });

  it("reads what a newer release adds to a head, and passes over it", () => {
    const added = { ...sample, v: 1 as const, stage: "main", addedLater: { deep: true } };
    expect(decodeUnit(encodeUnit(added))).toEqual(sample);
    const bytes = Buffer.from(encodeUnit(sample));
    const later = Buffer.from(bytes.toString("latin1").replace('"versions":', '"colours_":'), "latin1");
    const { versions: _versions, ...rest } = sample;
    expect(decodeUnit(later)).toEqual(rest);
  });

  it("refuses an entry of another version as one of a newer release, not as damage", () => {
    for (const [decode, bytes] of [
      [decodeUnit, encodeUnit(sample)],
      [decodeSnapshotChunk, encodeSnapshotChunk({ ...sample, chunk: 0 })],
    ] as const) {
      const newer = Buffer.from(Buffer.from(bytes).toString("latin1").replace('"v":1', '"v":2'), "latin1");
      expect(() => decode(newer)).toThrow(
        expect.objectContaining({
          code: "DATA_FORMAT_UNSUPPORTED",
          message: "the journal of stage main has entries of version 2, and this release reads version 1",
          remedy: expect.stringContaining("docs/kubernetes.md"),
        }),
      );
    }
  });

  it("never fails otherwise than with BATCH_CORRUPT, whatever the bytes are", () => {
    const bytes = encodeUnit(sample);
    const damaged = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, byte]) => {
      const copy = Uint8Array.from(bytes);
      copy[at] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged), (any) => {
        try {
          decodeUnit(any);
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError);
          // The digit of the version is one of its bytes.
          const code = expect.stringMatching(/^(BATCH_CORRUPT|DATA_FORMAT_UNSUPPORTED)$/);
          expect(error).toMatchObject({ code });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
