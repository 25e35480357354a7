import assert from "node:assert/strict";
import test from "node:test";
import { fixture, runFunction } from "millrace/testing";
import { vibrationZone } from "./vibration-zone.ts";

const at = (vibration: number, running = true) => ({ ts: "2026-01-31T12:00:00Z", metrics: { vibration, running } });

test("each zone ends where the standard says", () => {
  const { readings } = runFunction(
    vibrationZone,
    [2.3, 2.31, 4.5, 7.1, 7.11].map((vibration) => at(vibration)),
  );
  assert.deepEqual(
    readings.map(({ metrics }) => metrics["zone"]),
    ["A", "B", "B", "C", "D"],
  );
});

test("a machine that stands has no zone", () => {
  assert.equal(runFunction(vibrationZone, [at(0.1, false)]).skipped, 1);
});

test("the recorded pump is in zone A or B", () => {
  const { readings } = runFunction(vibrationZone, fixture("pumps"));
  const zones = new Set(readings.map(({ metrics }) => metrics["zone"]));
  assert.deepEqual(zones, new Set(["A", "B"]));
});
