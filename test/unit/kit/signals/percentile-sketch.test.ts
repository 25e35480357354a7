import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addToSketch,
  emptySketch,
  mergeSketches,
  quantileOf,
  sketchSchema,
} from "../../../../kit/signals/percentile-sketch.ts";

const value = fc.oneof(
  fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  fc.double({ min: -1e-3, max: 1e-3, noNaN: true }),
  fc.constantFrom(0, -0, 1, -1, 100),
);
const values = fc.array(value, { minLength: 1, maxLength: 80 });
const sketchOf = (all: readonly number[], accuracy = 0.01) => all.reduce(addToSketch, emptySketch(accuracy));

function exact(all: readonly number[], q: number): number {
  const sorted = all.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * all.length) - 1)] ?? NaN;
}

describe("a percentile sketch", () => {
  it("is never off by more than its accuracy", () => {
    fc.assert(
      fc.property(
        values,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(0.001, 0.01, 0.1),
        (all, q, accuracy) => {
          const truth = exact(all, q);
          const made = quantileOf(sketchSchema.parse(sketchOf(all, accuracy)), q) ?? NaN;
          expect(Math.abs(made - truth)).toBeLessThanOrEqual(accuracy * Math.abs(truth) * (1 + 1e-9) + 1e-12);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("merges to the sketch of all values", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        expect(mergeSketches(sketchOf(a), sketchOf(b))).toEqual(sketchOf([...a, ...b]));
      }),
    );
  });

  it("is small: a million-fold range of values takes some hundred buckets", () => {
    const all = Array.from({ length: 20_000 }, (_, index) => 10 ** ((index % 6000) / 1000));
    expect(sketchOf(all).positive.length / 2).toBeLessThan(700);
  });

  it("knows nothing of no values, and refuses what is no number or no accuracy", () => {
    expect(quantileOf(emptySketch(), 0.5)).toBeUndefined();
    expect(() => addToSketch(emptySketch(), NaN)).toThrow(RangeError);
    expect(() => emptySketch(0)).toThrow(RangeError);
    expect(() => mergeSketches(emptySketch(0.1), emptySketch(0.2))).toThrow(RangeError);
  });
});
