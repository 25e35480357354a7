import assert from "node:assert/strict";
import test from "node:test";
import { expectSame, fixture, runFunction } from "millrace/testing";
import { consumption } from "./consumption.ts";
import { quarterHourDemand } from "./quarter-hour-demand.ts";

const at = (time: string, energy: number) => ({ ts: `2026-01-31T${time}:00Z`, metrics: { energy_kwh: energy } });
const demands = (sample: Parameters<typeof runFunction>[1]) =>
  runFunction(quarterHourDemand, sample).readings.map(({ ts, metrics }) => [
    new Date(ts).toISOString().slice(11, 19),
    metrics["demand_kw"],
  ]);

test("the mean power of a quarter is four times its energy, told with the first reading behind it", () => {
  assert.deepEqual(demands([at("12:00", 100), at("12:05", 101), at("12:10", 102.5), at("12:20", 104.5)]), [
    ["12:14:59", 10],
  ]);
});

test("what is late, and a meter that was exchanged, adds nothing", () => {
  const sample = [at("12:00", 100), at("12:10", 102), at("12:05", 101), at("12:12", 0), at("12:20", 1), at("12:30", 2)];
  assert.deepEqual(demands(sample), [
    ["12:14:59", 8],
    ["12:29:59", 4],
  ]);
});

test("beside consumption it takes meters as they are", () => {
  const { readings, deadLetters } = runFunction([consumption, quarterHourDemand], fixture("meters"));
  assert.deepEqual(deadLetters, []);
  expectSame(
    "quarter-hour-demand",
    readings
      .filter(({ metrics }) => "demand_kw" in metrics)
      .map(({ device, ts, metrics }) => ({ device, ts, metrics })),
  );
});
