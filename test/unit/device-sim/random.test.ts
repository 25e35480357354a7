import { expect, test } from "vitest";
import { createRandom } from "../../../device-sim/random.ts";

const draw = (count: number, next: () => number) => Array.from({ length: count }, next);

test("a seed fixes the numbers for good", () => {
  const random = createRandom("millrace");
  expect(draw(3, random.next)).toEqual(draw(3, createRandom("millrace").next));
  expect(draw(3, createRandom("millrace/a").next)).not.toEqual(draw(3, createRandom("millrace/b").next));
});

test("numbers are even over [0, 1), normal ones have mean 0 and deviation 1, exponential ones their mean", () => {
  const random = createRandom("spread");
  const even = draw(20_000, random.next);
  expect(even.every((value) => value >= 0 && value < 1)).toBe(true);
  expect(mean(even)).toBeCloseTo(0.5, 1);
  const normal = draw(20_000, random.normal);
  expect(Math.abs(mean(normal))).toBeLessThan(0.05);
  expect(mean(normal.map((value) => value ** 2))).toBeCloseTo(1, 1);
  expect(mean(draw(20_000, () => random.exponential(50)))).toBeGreaterThan(48);
  expect(draw(1000, () => random.between(3, 5)).every((value) => value >= 3 && value < 5)).toBe(true);
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
