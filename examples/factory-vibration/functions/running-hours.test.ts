import assert from "node:assert/strict";
import test from "node:test";
import { fixture, runFunction } from "millrace/testing";
import { runningHours } from "./running-hours.ts";

const START = Date.parse("2026-01-31T12:00:00Z");
const MINUTE = 60_000;
const at = (minute: number, running: boolean) => ({ ts: START + minute * MINUTE, metrics: { running } });

const last = (sample: readonly ReturnType<typeof at>[]) => runFunction(runningHours, sample).readings.at(-1)?.metrics;

test("time runs while the machine does, and starts are counted", () => {
  const sample = [at(0, true), at(9, true), at(18, false), at(27, true), at(36, true)];
  assert.deepEqual(last(sample), { running_hours: 0.45, starts: 2 });
});

test("a silence is not counted as running", () => {
  assert.deepEqual(last([at(0, true), at(60, true)]), { running_hours: 0, starts: 1 });
});

test("what comes late changes nothing", () => {
  const sample = [at(0, true), at(5, true), { ...at(3, false), received: START + 6 * MINUTE }];
  assert.deepEqual(last(sample), { running_hours: 0.08, starts: 1 });
});

test("each recorded pump has its own hours", () => {
  const { state } = runFunction(runningHours, fixture("pumps"));
  assert.deepEqual(Object.keys(state).toSorted(), ["pump-1", "pump-2"]);
});
