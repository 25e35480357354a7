import fc from "fast-check";
import { expect, it } from "vitest";
import { Comparison, joinComparisons } from "../../../../app/functions/comparison.ts";
import { deviceKey } from "../../../../core/ids.ts";
import { ReadingParts } from "../../../../wire/reading-parts.ts";
import type { Reading } from "../../../../core/derived-records.ts";

const side = fc.constantFrom("stored" as const, "emitted" as const);
type Side = typeof side extends fc.Arbitrary<infer Value> ? Value : never;
interface Note {
  readonly side: Side;
  readonly reading: Reading;
  readonly asText: boolean;
}

const metrics = fc.dictionary(fc.constantFrom("a", 'b"', "ü"), fc.constantFrom(1, true, 'y":{}'), {
  maxKeys: 3,
});
const note: fc.Arbitrary<Note> = fc.record({
  side,
  asText: fc.boolean(),
  reading: fc.record({
    v: fc.constant(1 as const),
    tenant: fc.constantFrom("one", "two"),
    device: fc.constantFrom("d", "d-1", "d-10", "e"),
    ts: fc.nat(1),
    received: fc.nat(9),
    metrics,
  }),
});

/** Value by value, each read. */
function plainCounts(notes: readonly Note[]) {
  const open = new Map<string, Partial<Record<Side, unknown>>>();
  const counts = { equal: 0, changed: 0, new: 0, missing: 0 };
  for (const { side: one, reading } of notes) {
    for (const [metric, value] of Object.entries(reading.metrics)) {
      const key = JSON.stringify([reading.tenant, reading.device, reading.ts, metric]);
      const pair = { ...open.get(key), [one]: value };
      open.set(key, pair);
      if (pair.stored !== pair.emitted) continue;
      counts.equal += 1;
      open.delete(key);
    }
  }
  for (const { stored, emitted } of open.values()) {
    counts[stored === undefined ? "new" : emitted === undefined ? "missing" : "changed"] += 1;
  }
  return counts;
}

function compare(notes: readonly Note[]) {
  const comparison = new Comparison();
  const parts = new ReadingParts();
  for (const { side: one, reading, asText } of notes) {
    const value = Buffer.from(JSON.stringify(reading));
    if (asText && parts.find({ key: deviceKey(reading.tenant, reading.device), value }))
      comparison.noteText(one, parts);
    else comparison.note(one, reading);
  }
  return comparison.part();
}

it("is what a comparison value by value is, whether readings are read or compared by their bytes", () => {
  const seen = { equal: 0, changed: 0 };
  fc.assert(
    fc.property(fc.array(note, { maxLength: 60, size: "max" }), (notes) => {
      const part = compare(notes);
      const counts = plainCounts(notes);
      expect(part).toMatchObject(counts);
      seen.equal += counts.equal;
      seen.changed += counts.changed;
      // Devices may be anywhere.
      const parts = ["d", "d-1", "d-10", "e"].map((of) =>
        compare(notes.filter(({ reading }) => reading.device === of)),
      );
      const whole = joinComparisons([part]);
      expect(joinComparisons(parts)).toEqual(whole);
      expect(whole.examples).toHaveLength(Math.min(10, counts.changed + counts.new + counts.missing));
    }),
    { numRuns: 200 },
  );
  expect(Math.min(seen.equal, seen.changed)).toBeGreaterThan(100);
});

it("passes over what is stored and is no reading", () => {
  const comparison = new Comparison();
  const parts = new ReadingParts();
  const text = '{"v":1,"tenant":"t","device":"d","ts":1,"received":2,"metrics":{"a":null}}';
  expect(parts.find({ key: "t/d", value: Buffer.from(text) })).toBe(true);
  comparison.noteText("stored", parts);
  expect(comparison.part()).toEqual({ equal: 0, changed: 0, new: 0, missing: 0, examples: [] });
});
