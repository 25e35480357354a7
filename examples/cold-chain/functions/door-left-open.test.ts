import assert from "node:assert/strict";
import test from "node:test";
import { expectSame, fixture, runFunction } from "millrace/testing";
import { doorLeftOpen } from "./door-left-open.ts";

const at = (time: string, door: boolean) => ({ ts: `2026-01-31T${time}Z`, metrics: { door } });

test("a door that stays open is told of, although nothing comes in", () => {
  const { events, state } = runFunction(doorLeftOpen, [at("12:00:00", false), at("12:01:00", true)], {
    until: "2026-01-31T12:10:00Z",
  });
  assert.deepEqual(
    events.map(({ ts }) => new Date(ts).toISOString()),
    ["2026-01-31T12:03:00.000Z"],
  );
  assert.deepEqual(state, { "device-1": { openSince: Date.parse("2026-01-31T12:01:00Z"), openings: 1 } });
});

test("a door that is closed in time is not", () => {
  const sample = [at("12:00:00", true), at("12:01:30", false)];
  const { events, readings } = runFunction(doorLeftOpen, sample, { until: "2026-01-31T12:10:00Z" });
  assert.deepEqual(events, []);
  assert.deepEqual(
    readings.map(({ metrics }) => metrics),
    [{ door_openings: 1 }, { door_open_seconds: 90 }],
  );
});

test("what a recorded morning gives stays what it was", () => {
  const { readings, events } = runFunction(doorLeftOpen, fixture("cold-rooms"));
  expectSame("door-left-open", {
    readings: readings.map(({ device, ts, metrics }) => ({ device, ts, metrics })),
    events,
  });
});
