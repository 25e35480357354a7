import assert from "node:assert/strict";
import test from "node:test";
import { runFunction } from "millrace/testing";
import { monthlyPeak } from "./monthly-peak.ts";

const at = (ts: string, energy: number) => ({ ts, metrics: { energy_kwh: energy } });
/** Within a quarter of an hour as much as makes so many kW, and a first reading behind it. */
const demand = (quarter: string, before: number, kw: number) => {
  const begin = Date.parse(quarter);
  const minute = (minutes: number) => new Date(begin + minutes * 60_000).toISOString();
  return [at(minute(1), before), at(minute(14), before + kw / 4), at(minute(16), before + kw / 4)];
};

test("the peak of a month is told when it is over, in Berlin", () => {
  const sample = [
    ...demand("2026-01-10T11:00:00Z", 100, 40),
    ...demand("2026-01-20T11:00:00Z", 110, 55),
    ...demand("2026-01-31T23:00:00Z", 123.75, 70),
  ];
  const { readings } = runFunction(monthlyPeak, sample, { until: "2026-02-01T00:00:00Z" });
  assert.deepEqual(
    readings.map(({ ts, metrics }) => [new Date(ts).toISOString(), metrics]),
    [["2026-01-31T22:59:59.999Z", { peak_kw: 55, peak_at: "2026-01-20T11:14:59.999Z" }]],
  );
});

test("the month so far is told before, as results that are revised", () => {
  const sample = [
    ...demand("2026-01-10T11:00:00Z", 100, 40),
    ...demand("2026-01-10T12:00:00Z", 110, 60),
    at("2026-01-10T13:20:00Z", 125),
  ];
  const { aggregates, readings } = runFunction(monthlyPeak, sample);
  assert.deepEqual(readings, []);
  assert.deepEqual(
    aggregates.map(({ last, revision }) => [last, revision]),
    [
      [40, 0],
      [60, 1],
    ],
  );
});
