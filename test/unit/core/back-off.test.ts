import { expect, it } from "vitest";
import { backOffMs, withJitter } from "../../../core/back-off.ts";

it("a pause doubles up to its ceiling, however often it is tried", () => {
  expect([0, 1, 2, 3, 4].map((doublings) => backOffMs(100, 1000, doublings))).toEqual([100, 200, 400, 800, 1000]);
  expect(backOffMs(1, 600_000, 5000)).toBe(600_000);
});

it("jitter leaves between half of it and all", () => {
  expect([0, 0.5, 0.999].map((random) => withJitter(1000, () => random))).toEqual([500, 750, 1000]);
});
