import { expect, test } from "vitest";
import { messagesWith, readingsOf } from "../feature-fleets.ts";

const THREE_DAYS = { ms: 3 * 86_400_000, intervalMs: 10_000 };
const METRICS = ["pm25", "pm10", "no2", "temperature"];
const STATION = [{ id: "street", type: "air-quality" }];

test("a dead sensor is missing from some readings, and in others repeats one value while the rest moves on", () => {
  const readings = readingsOf(messagesWith(["noise", "deadSensors"], THREE_DAYS, STATION));
  const missing = readings.filter((reading) => Object.keys(reading.values).length === 4);
  expect(missing.length).toBeGreaterThan(20);
  const runs = METRICS.map((name) => longestRun(readings.map((reading) => reading.values[name])));
  expect(Math.max(...runs)).toBeGreaterThan(20);
});

test("without them every reading is whole and no value sticks", () => {
  const readings = readingsOf(messagesWith(["noise"], THREE_DAYS, STATION));
  expect(readings.every((reading) => Object.keys(reading.values).length === 5)).toBe(true);
  expect(longestRun(readings.map((reading) => reading.values["pm10"]))).toBeLessThan(6);
});

function longestRun(values: readonly unknown[]): number {
  let longest = 0;
  let run = 0;
  for (const [index, value] of values.entries()) {
    run = value !== undefined && value === values[index - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  }
  return longest;
}
