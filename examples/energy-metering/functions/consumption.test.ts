import assert from "node:assert/strict";
import test from "node:test";
import { fixture, runFunction } from "millrace/testing";
import { consumption } from "./consumption.ts";

const at = (time: string, energy: number) => ({ ts: `2026-01-31T${time}:00Z`, metrics: { energy_kwh: energy } });
const consumed = (sample: readonly ReturnType<typeof at>[]) =>
  runFunction(consumption, sample).readings.map(({ metrics }) => metrics["consumed_kwh"]);

test("consumption is what the counter has grown by", () => {
  assert.deepEqual(consumed([at("12:00", 100), at("12:15", 102.5), at("12:30", 102.5)]), [2.5, 0]);
});

test("a counter that begins again at 0 is followed", () => {
  assert.deepEqual(consumed([at("12:00", 999_999), at("12:15", 2)]), [3]);
});

test("an exchanged meter is told of, and not counted", () => {
  const { readings, events } = runFunction(consumption, [at("12:00", 5000), at("12:15", 0), at("12:30", 1)]);
  assert.deepEqual(
    readings.map(({ metrics }) => metrics["consumed_kwh"]),
    [1],
  );
  assert.equal(events.length, 1);
});

test("the recorded day sums up to what the meters say", () => {
  const sample = fixture("meters");
  const { readings, deadLetters } = runFunction(consumption, sample);
  const sum = readings.reduce((total, { metrics }) => total + Number(metrics["consumed_kwh"]), 0);
  assert.deepEqual(deadLetters, []);
  assert.equal(Math.round(sum), 928);
});
