import assert from "node:assert/strict";
import test from "node:test";
import { expectSame, fixture, runFunction } from "millrace/testing";
import { consumption } from "./consumption.ts";
import { quarterHourDemand } from "./quarter-hour-demand.ts";

const at = (time: string, consumed: number) => ({ ts: `2026-01-31T${time}:00Z`, metrics: { consumed_kwh: consumed } });

test("the mean power of a quarter is four times its energy", () => {
  const sample = [at("12:05", 1), at("12:10", 1.5), at("12:20", 2)];
  const { readings } = runFunction(quarterHourDemand, sample, { until: "2026-01-31T12:30:00Z" });
  assert.deepEqual(
    readings.map(({ metrics }) => metrics),
    [{ demand_kw: 10 }, { demand_kw: 8 }],
  );
});

test("behind consumption it takes meters as they are", () => {
  const { readings, deadLetters } = runFunction([consumption, quarterHourDemand], fixture("meters"));
  const demands = readings.filter(({ metrics }) => "demand_kw" in metrics);
  assert.deepEqual(deadLetters, []);
  expectSame(
    "quarter-hour-demand",
    demands.map(({ device, ts, metrics }) => ({ device, ts, metrics })),
  );
});
