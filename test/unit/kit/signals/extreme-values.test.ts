import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { counterRate } from "../../../../kit/signals/counter-rate.ts";
import { addToSketch, emptySketch, quantileOf } from "../../../../kit/signals/percentile-sketch.ts";
import { resample } from "../../../../kit/signals/resample.ts";
import {
  addToStatistics,
  deviationOf,
  mergeStatistics,
  NO_STATISTICS,
} from "../../../../kit/signals/running-statistics.ts";

const MAX = Number.MAX_VALUE;
const extreme = fc.oneof(
  fc.constantFrom(MAX, -MAX, 1.78e308, -1.7e308, 1e200, -1e200, 0, 1),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const values = fc.array(extreme, { minLength: 1, maxLength: 12 });

describe("signals of the greatest numbers are finite", () => {
  it("quantiles, within their accuracy", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e300, max: MAX, noNaN: true }), fc.boolean(), (size, isNegative) => {
        const value = isNegative ? -size : size;
        for (const accuracy of [1e-6, 0.01, 0.5]) {
          const answer = quantileOf(addToSketch(emptySketch(accuracy), value), 0.5) ?? NaN;
          expect(Number.isFinite(answer)).toBe(true);
          expect(Math.abs(answer / value - 1)).toBeLessThan(accuracy * 1.01 + 1e-9);
        }
      }),
    );
  });

  it("statistics, also when they are merged", () => {
    fc.assert(
      fc.property(values, values, (some, others) => {
        const of = (all: readonly number[]) => all.reduce(addToStatistics, NO_STATISTICS);
        const merged = mergeStatistics(of(some), of(others));
        expect([...Object.values(of(some)), ...Object.values(merged)].every(Number.isFinite)).toBe(true);
        expect(Number.isFinite(deviationOf(merged) ?? 0)).toBe(true);
      }),
    );
  });

  it("rates and points", () => {
    fc.assert(
      fc.property(extreme, extreme, (before, value) => {
        const { increase, perSecond } = counterRate({ at: 0, value: before }, 1, value);
        expect([increase, perSecond].every(Number.isFinite)).toBe(true);
        const options = { everyMs: 250, method: "linear", gapMs: 5000 } as const;
        const { points } = resample({ at: 0, value: before }, 1000, value, options);
        expect(points).toHaveLength(4);
        const [low, high] = [Math.min(before, value), Math.max(before, value)];
        const margin = Math.max(Math.abs(low), Math.abs(high)) * 1e-12;
        for (const point of points) {
          expect(Number.isFinite(point.value)).toBe(true);
          expect(point.value >= low - margin && point.value <= high + margin).toBe(true);
        }
      }),
    );
  });
});

describe("a sketch", () => {
  it.each([1e-17, 9e-7, 0, 1, -1, NaN])("of accuracy %d is refused", (accuracy) => {
    expect(() => emptySketch(accuracy)).toThrow("choose one from 0.000001 to below 1");
  });

  it("of the finest accuracy has whole buckets", () => {
    const { positive } = addToSketch(emptySketch(1e-6), MAX);
    expect(positive.every(Number.isSafeInteger)).toBe(true);
  });
});

describe("a counter that wraps", () => {
  it("has begun anew when its last value is not below the end", () => {
    const increase = (before: number, value: number) =>
      counterRate({ at: 0, value: before }, 1000, value, { wrapsAt: 65_536 }).increase;
    expect(increase(70_000, 10)).toBe(10);
    expect(increase(65_536, 10)).toBe(10);
    expect(increase(65_535, 10)).toBe(11);
  });
});
