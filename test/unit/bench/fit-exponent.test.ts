import { describe, expect, test } from "vitest";
import { fitExponent } from "../../../bench/growth/fit-exponent.ts";

const SIZES = [1000, 10_000, 30_000, 100_000];

describe("the exponent of a cost", () => {
  test.each([0, 0.05, 0.5, 1, -0.3])("is found again: %d", (exponent) => {
    const points = SIZES.map((size) => ({ size, cost: 7 * size ** exponent }));
    expect(fitExponent(points)).toBeCloseTo(exponent, 10);
  });

  test("is that of the line which is nearest to all points, and not of the ends", () => {
    const points = [1, 10, 100].map((size, place) => ({ size, cost: place === 1 ? 4 : 1 }));
    expect(fitExponent(points)).toBeCloseTo(0, 10);
  });

  test("of one size is an error, not 0", () => {
    expect(() => fitExponent([{ size: 5, cost: 1 }])).toThrow("at least two different sizes");
    expect(() =>
      fitExponent([
        { size: 5, cost: 1 },
        { size: 5, cost: 2 },
      ]),
    ).toThrow("at least two different sizes");
  });

  test.each([
    [0, 1],
    [1, 0],
    [1, Number.NaN],
  ])("of a size %d with a cost %d is an error, since they have no logarithm", (size, cost) => {
    expect(() =>
      fitExponent([
        { size, cost },
        { size: 10, cost: 1 },
      ]),
    ).toThrow("above 0");
  });
});
