import assert from "node:assert/strict";
import test from "node:test";
import { expectSame, fixture, runFunction } from "millrace/testing";
import { vibrationTrend } from "./vibration-trend.ts";

const START = Date.parse("2026-01-31T12:00:00Z");
const MINUTE = 60_000;

const sample = (vibrations: readonly number[]) =>
  vibrations.map((vibration, index) => ({ ts: START + index * MINUTE, metrics: { vibration, running: true } }));

test("mean, peak and deviation of the last ten minutes", () => {
  const { readings } = runFunction(vibrationTrend, sample([2, 4, 4, 4, 5, 5, 7, 9]), { until: START + 10 * MINUTE });
  assert.deepEqual(readings.at(-1)?.metrics, { vibration_mean: 5, vibration_peak: 9, vibration_deviation: 2.138 });
});

test("two readings say nothing of a spread", () => {
  assert.deepEqual(runFunction(vibrationTrend, sample([2, 4]), { until: START + 30 * MINUTE }).readings, []);
});

test("what the recorded pumps give stays what it was", () => {
  const { readings } = runFunction(vibrationTrend, fixture("pumps"));
  expectSame(
    "vibration-trend",
    readings.map(({ device, ts, metrics }) => ({ device, ts, metrics })),
  );
});
