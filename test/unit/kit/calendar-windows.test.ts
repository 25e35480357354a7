import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calendarLane } from "../../../engine/windows/calendar-lane.ts";
import { calendar, defineStream } from "../../../kit/function.ts";
import { calendarOf } from "../../support/calendar-oracle.ts";
import { alignedOracle } from "../../support/oracle-windows.ts";
import { compare, FLUSH_UP_TO, lateness, scenarioOf, stats, streams } from "../../support/window-scenarios.ts";

const SLOW = { timeout: 60_000 };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("calendar windows", () => {
  const zones = ["Europe/Berlin", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"];
  /** Around changes of clocks, days after START. */
  const edges = [85, 86, 297, 298, 65, 66, 303, 304, 86.9, 92, 93];

  it("are 23 and 25 hours long where clocks change, and begin where midnight is skipped after the gap", () => {
    const dayAt = (zone: string, time: string) => {
      const [window] = calendarLane("day", zone).windowsOf(Date.parse(time));
      return [new Date(window?.start ?? 0).toISOString(), ((window?.end ?? 0) - (window?.start ?? 0)) / HOUR];
    };
    expect(dayAt("Europe/Berlin", "2026-03-29T12:00:00Z")).toEqual(["2026-03-28T23:00:00.000Z", 23]);
    expect(dayAt("Europe/Berlin", "2026-10-25T12:00:00Z")).toEqual(["2026-10-24T22:00:00.000Z", 25]);
    expect(dayAt("Australia/Lord_Howe", "2026-04-04T20:00:00Z")).toEqual(["2026-04-04T13:00:00.000Z", 24.5]);
    expect(dayAt("America/Havana", "2026-03-08T12:00:00Z")).toEqual(["2026-03-08T05:00:00.000Z", 23]);
    expect(dayAt("America/Sao_Paulo", "2018-11-04T12:00:00Z")).toEqual(["2018-11-04T03:00:00.000Z", 23]);
  });

  it("are what a brute-force recomputation gives around changes of clocks, also when restored", SLOW, () => {
    fc.assert(
      fc.property(
        ...streams(HOUR),
        fc.constantFrom(...zones),
        fc.constantFrom(...edges),
        fc.constantFrom("day", "week", "month"),
        (moves, time, zone, edge, unit) => {
          const fn = defineStream({ ...stats, ...lateness(time), window: calendar(unit, zone) });
          const scenario = scenarioOf(moves, time, HOUR, edge * DAY - 20 * HOUR);
          const options = { windowsOf: calendarOf(unit, zone), earlyMs: null, latenessMs: time.allowedLatenessMs };
          compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
        },
      ),
      { numRuns: 60 },
    );
  });
});
