import assert from "node:assert/strict";
import test from "node:test";
import { runFunction } from "millrace/testing";
import { meanKineticTemperature } from "./mean-kinetic-temperature.ts";

const HOUR = 3_600_000;
const NOON = Date.parse("2026-01-31T11:00:00Z");
const room = { type: { id: "cold-room" } };

const sample = (temperatures: readonly number[]) =>
  temperatures.map((temperature, index) => ({ ts: NOON + index * HOUR, metrics: { temperature } }));

test("of an even day it is the temperature; warm hours weigh more than cold ones", () => {
  const even = runFunction(meanKineticTemperature, sample([5, 5, 5]), { ...room, until: NOON + 24 * HOUR });
  assert.equal(even.readings[0]?.metrics["mkt"], 5);
  const uneven = runFunction(meanKineticTemperature, sample([0, 10]), { ...room, until: NOON + 24 * HOUR });
  assert.ok(Number(uneven.readings[0]?.metrics["mkt"]) > 5);
});

test("a day ends at midnight in Berlin", () => {
  const { readings } = runFunction(meanKineticTemperature, sample([5, 5]), { ...room, until: NOON + 24 * HOUR });
  assert.deepEqual(
    readings.map(({ ts }) => new Date(ts).toISOString()),
    ["2026-01-31T22:59:59.999Z"],
  );
});

test("a reading that comes hours later corrects the day", () => {
  const midnight = Date.parse("2026-01-31T23:30:00Z");
  const late = { ts: NOON + 2 * HOUR, received: midnight, metrics: { temperature: 20 } };
  const next = { ts: midnight, metrics: { temperature: 5 } };
  const { aggregates } = runFunction(meanKineticTemperature, [...sample([5, 5]), next, late], room);
  const results = aggregates.filter(({ metric }) => metric.endsWith(".mkt"));
  assert.deepEqual(
    results.map(({ revision }) => revision),
    [0, 1],
  );
  assert.ok(Number(results[1]?.last) > 5);
});
