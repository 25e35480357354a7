import assert from "node:assert/strict";
import test from "node:test";
import { fixture, runFunction } from "millrace/testing";
import { dewPoint } from "./dew-point.ts";

test("saturated air condenses at its own temperature", () => {
  const { readings } = runFunction(dewPoint, [
    { ts: "2026-01-31T12:00:00Z", metrics: { temperature: 4, humidity: 100 } },
  ]);
  assert.deepEqual(
    readings.map(({ metrics }) => metrics),
    [{ dew_point: 4 }],
  );
});

test("what lacks a metric, or has an impossible one, passes by", () => {
  const { readings, skipped } = runFunction(dewPoint, [
    { ts: "2026-01-31T12:00:00Z", metrics: { temperature: 4 } },
    { ts: "2026-01-31T12:01:00Z", metrics: { temperature: 4, humidity: 0 } },
  ]);
  assert.equal(readings.length, 0);
  assert.equal(skipped, 2);
});

test("a cold room's dew point stays below its temperature", () => {
  const { readings, deadLetters } = runFunction(dewPoint, fixture("cold-room"));
  assert.deepEqual(deadLetters, []);
  assert.ok(readings.length > 0);
  for (const { metrics } of readings) assert.ok(Number(metrics["dew_point"]) < 6);
});
