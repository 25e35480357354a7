import { expect, test } from "vitest";
import { messagesWith, numbersOf, readingsOf } from "../feature-fleets.ts";

const HOUR = { ms: 3_600_000, intervalMs: 1000 };

test("noise has about the metric's standard deviation and no bias", () => {
  const readings = readingsOf(messagesWith(["noise"], HOUR)).filter((reading) => reading.values["door"] === false);
  const quiet = numbersOf(readingsOf(messagesWith([], HOUR)), "temperature")[0] ?? 0;
  const errors = numbersOf(readings, "temperature").map((value) => value - quiet);
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  const deviation = Math.sqrt(errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / errors.length);
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(deviation).toBeGreaterThan(0.09);
  expect(deviation).toBeLessThan(0.15);
});

test("without it one sample is as the other", () => {
  const readings = readingsOf(messagesWith([], HOUR)).filter((reading) => reading.values["door"] === false);
  expect(new Set(numbersOf(readings, "temperature")).size).toBe(1);
});
