import { expect, test } from "vitest";
import { extent, messagesWith, numbersOf, readingsOf } from "../feature-fleets.ts";

const HALF_DAY = { ms: 43_200_000, intervalMs: 1000 };
const STATION = [{ id: "street", type: "air-quality" }];

test("with spikes fine dust leaves its range for some seconds at a time, now and then", () => {
  const values = numbersOf(readingsOf(messagesWith(["spikes"], HALF_DAY, STATION)), "pm25");
  const usual = values[0] ?? 0;
  const share = values.filter((value) => value > usual + 10).length / values.length;
  expect(extent(values)).toBeGreaterThan(30);
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThan(0.03);
});

test("without them it does not", () => {
  expect(extent(numbersOf(readingsOf(messagesWith([], HALF_DAY, STATION)), "pm25"))).toBe(0);
});
