import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addToStatistics,
  deviationOf,
  mergeStatistics,
  NO_STATISTICS,
  statisticsSchema,
  varianceOf,
} from "../../../../kit/signals/running-statistics.ts";

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 50 });
const of = (all: readonly number[]) => all.reduce(addToStatistics, NO_STATISTICS);

describe("running statistics", () => {
  it("are the mean and variance of all values", () => {
    fc.assert(
      fc.property(values, (all) => {
        const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
        const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (all.length - 1);
        const made = statisticsSchema.parse(of(all));
        expect(made.count).toBe(all.length);
        expect(Math.abs(made.mean - mean)).toBeLessThanOrEqual(1e-6);
        expect(Math.abs((varianceOf(made) ?? NaN) - variance)).toBeLessThanOrEqual(1e-9 * variance + 1e-6);
      }),
    );
  });

  it("lose no digits where values are large and close to each other", () => {
    expect(varianceOf(of([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]))).toBeCloseTo(30, 6);
  });

  it("merge to those of both", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const merged = mergeStatistics(of(a), of(b));
        const whole = of([...a, ...b]);
        expect(merged.count).toBe(whole.count);
        expect(Math.abs(merged.mean - whole.mean)).toBeLessThanOrEqual(1e-6);
        expect(Math.abs(merged.squares - whole.squares)).toBeLessThanOrEqual(1e-9 * whole.squares + 1e-3);
      }),
    );
    expect(mergeStatistics(NO_STATISTICS, of([1, 2]))).toEqual(of([1, 2]));
    expect(mergeStatistics(of([1, 2]), NO_STATISTICS)).toEqual(of([1, 2]));
  });

  it("have no variance of fewer than two values", () => {
    expect(varianceOf(of([1]))).toBeUndefined();
    expect(deviationOf(NO_STATISTICS)).toBeUndefined();
    expect(deviationOf(of([1, 3]))).toBeCloseTo(Math.SQRT2, 12);
  });
});
