import assert from "node:assert/strict";
import test from "node:test";
import { fixture, runFunction } from "millrace/testing";
import { temperatureExcursion } from "./temperature-excursion.ts";

const START = Date.parse("2026-01-31T12:00:00Z");
const MINUTE = 60_000;
const room = { type: { id: "cold-room" } };

/** A temperature each five minutes. */
function sample(temperatures: readonly number[]) {
  return temperatures.map((temperature, index) => ({ ts: START + index * 5 * MINUTE, metrics: { temperature } }));
}

test("an excursion is counted from its first reading, and told once after 15 minutes", () => {
  const { readings, events } = runFunction(temperatureExcursion, sample([5, 9, 9.5, 9, 8.5, 8.2, 5]), room);
  assert.deepEqual(
    readings.map(({ metrics }) => metrics["excursion_minutes"]),
    [0, 0, 5, 10, 15, 20, 0],
  );
  assert.deepEqual(
    events.map(({ ts, detail }) => [ts, detail]),
    [[START + 20 * MINUTE, "1.5 °C outside of 2–8 °C for 15 min"]],
  );
});

test("a short one is not told", () => {
  assert.deepEqual(runFunction(temperatureExcursion, sample([5, 9, 9, 5]), room).events, []);
});

test("a late reading moves the beginning back", () => {
  const late = { ts: START - 10 * MINUTE, received: START + 6 * MINUTE, metrics: { temperature: 9 } };
  const { readings } = runFunction(
    temperatureExcursion,
    [...sample([9, 9]), late, ...sample([9, 9, 9]).slice(2)],
    room,
  );
  assert.equal(readings.at(-1)?.metrics["excursion_minutes"], 20);
});

test("other devices pass by", () => {
  const { readings, skipped } = runFunction(temperatureExcursion, sample([9, 9]), { type: { id: "pump" } });
  assert.deepEqual([readings.length, skipped], [0, 2]);
});

test("a recorded morning has no excursion", () => {
  const { readings, events, deadLetters } = runFunction(temperatureExcursion, fixture("cold-rooms"));
  assert.ok(readings.length > 100);
  assert.deepEqual([events, deadLetters], [[], []]);
});
