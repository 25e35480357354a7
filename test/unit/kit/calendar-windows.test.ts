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

  /** Where clocks are put back over midnight, as minutes around that instant; and where a day is left out. */
  const backOverMidnight = [
    ["America/St_Johns", "2010-11-07T02:31:00Z"],
    ["America/Goose_Bay", "2005-10-30T03:01:00Z"],
    ["America/St_Johns", "2000-10-29T02:31:00Z"],
    ["Antarctica/Casey", "2010-03-04T15:00:00Z"],
    ["Pacific/Apia", "2011-12-30T10:00:00Z"],
  ] as const;

  it("hold their readings and touch, and begin when their date first comes, also where it comes twice", SLOW, () => {
    const edge = fc.oneof(
      fc.constantFrom(...backOverMidnight).map(([zone, time]) => [zone, Date.parse(time)] as const),
      fc
        .tuple(
          fc.constantFrom(...zones),
          fc.date({ min: new Date("2000-02-01"), max: new Date("2030-01-01"), noInvalidDate: true }),
        )
        .map(([zone, date]) => [zone, date.getTime()] as const),
    );
    const unit = fc.constantFrom("day" as const, "week" as const, "month" as const);
    fc.assert(
      fc.property(edge, fc.integer({ min: -4000, max: 4000 }), unit, ([zone, at], minutes, of) => {
        const ts = at + minutes * 60_000;
        const lane = calendarLane(of, zone);
        const [window] = lane.windowsOf(ts);
        if (window === undefined) throw new Error("no window");
        expect(window.start <= ts && ts < window.end).toBe(true);
        expect(lane.windowsOf(window.end)[0]?.start).toBe(window.end);
        expect(calendarLane(of, zone).windowsOf(window.start - 1)[0]?.end).toBe(window.start);
        expect(lane.windowFrom(window.start)).toEqual(window);
        const dates = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" });
        const first = dates.format(window.start);
        const before = Array.from({ length: 240 }, (_, n) => dates.format(window.start - 60_000 * n - 1));
        expect(before.every((date) => date < first)).toBe(true);
      }),
      { numRuns: 400 },
    );
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
