import assert from "node:assert/strict";
import test from "node:test";
import { runFunction } from "millrace/testing";
import { monthlyPeak } from "./monthly-peak.ts";

const at = (ts: string, demand: number) => ({ ts, metrics: { demand_kw: demand } });

test("the peak of a month is told when it is over, in Berlin", () => {
  const sample = [
    at("2026-01-10T11:14:59.999Z", 40),
    at("2026-01-20T11:14:59.999Z", 55),
    at("2026-01-31T23:14:59.999Z", 70),
  ];
  const { readings } = runFunction(monthlyPeak, sample, { until: "2026-02-01T00:00:00Z" });
  assert.deepEqual(
    readings.map(({ ts, metrics }) => [new Date(ts).toISOString(), metrics]),
    [["2026-01-31T22:59:59.999Z", { peak_kw: 55, peak_at: "2026-01-20T11:14:59.999Z" }]],
  );
});

test("the month so far is told before, as results that are revised", () => {
  const sample = [at("2026-01-10T11:15:00Z", 40), at("2026-01-10T12:30:00Z", 55), at("2026-01-10T14:00:00Z", 20)];
  const { aggregates, readings } = runFunction(monthlyPeak, sample);
  assert.deepEqual(readings, []);
  assert.deepEqual(
    aggregates.map(({ last, revision }) => [last, revision]),
    [
      [40, 0],
      [55, 1],
    ],
  );
});
