import { expect, test } from "vitest";
import { extent, messagesWith, numbersOf, readingsOf } from "../feature-fleets.ts";

const TWENTY_DAYS = { ms: 20 * 86_400_000, intervalMs: 3_600_000 };
const FORTY_DAYS = { ms: 40 * 86_400_000, intervalMs: 3_600_000 };

test("with drift a battery loses charge day by day", () => {
  const charges = numbersOf(readingsOf(messagesWith(["drift"], TWENTY_DAYS)), "battery");
  expect(charges.every((charge, index) => index === 0 || charge <= (charges[index - 1] ?? 0))).toBe(true);
  expect(extent(charges)).toBeGreaterThan(3);
});

test("drift starts over after the monthly calibration", () => {
  const charges = numbersOf(readingsOf(messagesWith(["drift"], FORTY_DAYS)), "battery");
  expect(charges.at(-1) ?? 0).toBeGreaterThan(Math.min(...charges));
});

test("without it the charge stays where it is", () => {
  expect(extent(numbersOf(readingsOf(messagesWith([], TWENTY_DAYS)), "battery"))).toBe(0);
});
