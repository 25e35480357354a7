import { expect, test } from "vitest";
import { extent, messagesWith, numbersOf, readingsOf } from "../feature-fleets.ts";

const DAY = { ms: 86_400_000, intervalMs: 600_000 };

test("with the daily curve a day's temperature rises and falls by twice its swing, highest in the afternoon", () => {
  const readings = readingsOf(messagesWith(["dailyCurve"], DAY)).filter((reading) => reading.values["door"] === false);
  const temperatures = numbersOf(readings, "temperature");
  expect(extent(temperatures)).toBeCloseTo(1, 1);
  const warmest = readings[temperatures.indexOf(Math.max(...temperatures))];
  expect(new Date(warmest?.ts ?? 0).getUTCHours()).toBeGreaterThanOrEqual(13);
  expect(new Date(warmest?.ts ?? 0).getUTCHours()).toBeLessThanOrEqual(14);
});

test("without it the temperature stays where it is", () => {
  const readings = readingsOf(messagesWith([], DAY)).filter((reading) => reading.values["door"] === false);
  expect(extent(numbersOf(readings, "temperature"))).toBe(0);
});
