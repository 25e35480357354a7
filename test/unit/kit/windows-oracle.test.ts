import fc from "fast-check";
import { describe, it } from "vitest";
import { count, defineStream, hopping, session, sliding, tumbling } from "../../../kit/function.ts";
import { alignedOracle, countOracle, sessionOracle, slidingOracle } from "../../support/oracle-windows.ts";
import {
  compare,
  compareReadings,
  FLUSH_UP_TO,
  lateness,
  scenarioOf,
  stats,
  streams,
} from "../../support/window-scenarios.ts";
import type { Fails } from "../../support/oracle-windows.ts";

const SLOW = { timeout: 60_000 };
const SECOND = 1000;

describe("windows of random streams are what a brute-force recomputation gives, also when restored after every record", () => {
  const early = fc.constantFrom(null, null, 2 * SECOND, 3 * SECOND);

  it("tumbling", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), early, (moves, time, earlyMs) => {
        const fn = defineStream({
          ...stats,
          ...lateness(time),
          window: tumbling("10s"),
          ...(earlyMs === null ? {} : { early: earlyMs }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const windowsOf = (ts: number) => [{ start: ts - (ts % 10_000), end: ts - (ts % 10_000) + 10_000 }];
        const options = { windowsOf, earlyMs, latenessMs: time.allowedLatenessMs };
        compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("hopping", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), early, fc.constantFrom(2, 3, 7, 10), (moves, time, earlyMs, every) => {
        const hop = every * SECOND;
        const fn = defineStream({
          ...stats,
          ...lateness(time),
          window: hopping("10s", hop),
          ...(earlyMs === null ? {} : { early: earlyMs }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const windowsOf = (ts: number) => {
          const from = Math.floor(ts / hop) - 20;
          const starts = Array.from({ length: 41 }, (_, index) => (from + index) * hop);
          return starts
            .filter((start) => start <= ts && ts < start + 10_000)
            .map((start) => ({ start, end: start + 10_000 }));
        };
        const options = { windowsOf, earlyMs, latenessMs: time.allowedLatenessMs };
        compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("sessions", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), (moves, time) => {
        const fn = defineStream({
          ...stats,
          ...lateness(time),
          window: session("5s"),
          merge: (a, b) => ({ values: [...a.values, ...b.values] }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const options = { gapMs: 5000, latenessMs: time.allowedLatenessMs };
        compare(fn, scenario, sessionOracle(scenario.messages, time, FLUSH_UP_TO, options), true);
      }),
      { numRuns: 120 },
    );
  });

  it("sliding", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), fc.constantFrom(4000, 10_000, 1600), (moves, time, sizeMs) => {
        const fn = defineStream({ ...stats, ...lateness(time), window: sliding(sizeMs) });
        const scenario = scenarioOf(moves, time, SECOND);
        const options = { sizeMs, latenessMs: time.allowedLatenessMs };
        compareReadings(fn, scenario, slidingOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("count", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), fc.integer({ min: 1, max: 5 }), (moves, time, readings) => {
        const fn = defineStream({ ...stats, window: count(readings) });
        const scenario = scenarioOf(moves, time, SECOND);
        compareReadings(fn, scenario, countOracle(scenario.messages, time, FLUSH_UP_TO, readings));
      }),
      { numRuns: 60 },
    );
  });
});

describe("windows whose results fail now and then are what a brute-force recomputation gives, and let go in their time", () => {
  const failing = fc.constantFrom<Fails>(
    () => true,
    (values) => sumOf(values) % 3 === 0,
    (values) => values.length === 2,
  );
  const failingStats = (fails: Fails) => ({
    ...stats,
    result({ values }: { values: number[] }) {
      if (fails(values)) throw new RangeError("they give no result");
      return stats.result({ values });
    },
  });

  it.each([10, 5])("of 10 s, begun every %i s", SLOW, (every) => {
    const hop = every * SECOND;
    const windowsOf = (ts: number) => {
      const starts = [Math.floor(ts / hop) * hop - hop, Math.floor(ts / hop) * hop];
      return starts.filter((start) => ts < start + 10 * SECOND).map((start) => ({ start, end: start + 10 * SECOND }));
    };
    fc.assert(
      fc.property(...streams(SECOND), fc.constantFrom(null, 2 * SECOND), failing, (moves, time, earlyMs, fails) => {
        const fn = defineStream({
          ...failingStats(fails),
          ...lateness(time),
          window: hopping("10s", hop),
          ...(earlyMs === null ? {} : { early: earlyMs }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const options = { windowsOf, earlyMs, latenessMs: time.allowedLatenessMs, fails };
        compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("sessions", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), failing, (moves, time, fails) => {
        const fn = defineStream({
          ...failingStats(fails),
          ...lateness(time),
          window: session("5s"),
          merge: (a, b) => ({ values: [...a.values, ...b.values] }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const options = { gapMs: 5000, latenessMs: time.allowedLatenessMs, fails };
        compare(fn, scenario, sessionOracle(scenario.messages, time, FLUSH_UP_TO, options), true);
      }),
      { numRuns: 100 },
    );
  });
});

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
