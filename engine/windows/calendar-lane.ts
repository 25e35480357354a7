import type { Window, WindowLane } from "./window-lanes.ts";

export const CALENDAR_UNITS = ["day", "week", "month"] as const;
export type CalendarUnit = (typeof CALENDAR_UNITS)[number];

const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Local time is at most 14 hours ahead of UTC and 12 behind; an hour more for what laws may bring. */
const AHEAD = 15 * HOUR;
const BEHIND = 13 * HOUR;
/** Windows whose bounds are kept: asking Intl for one costs as much as some hundred readings. */
const KEPT = 8;

/**
 * Days, weeks (from Monday) or months as a clock on the wall of that zone has them: 23 and 25 hours long where summer time begins and
 * ends. Which, the time zone data of this Node says. RangeError for a zone that it does not know.
 */
export function calendarLane(unit: CalendarUnit, zone: string): WindowLane {
  const localDate = localDateIn(zone);
  const kept: Window[] = [];
  let oldest = 0;

  const windowAt = (ts: number): Window => {
    const known = kept.find(({ start, end }) => start <= ts && ts < end);
    if (known !== undefined) return known;
    const [first, next] = bounds(unit, localDate(ts));
    const window = { start: startOf(first, localDate), end: startOf(next, localDate) };
    kept[oldest] = window;
    oldest = (oldest + 1) % KEPT;
    return window;
  };

  return {
    name: unit,
    label: `1 ${unit} in ${zone}`,
    windowsOf: (ts) => [windowAt(ts)],
    endOf: (start) => windowAt(start).end,
  };
}

/** The date of the wall at an instant, as the time that UTC midnight of that date has. */
function localDateIn(zone: string): (ts: number) => number {
  const format = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    year: "numeric",
    month: "numeric",
    day: "numeric",
  });
  return (ts) => {
    const parts = new Map(format.formatToParts(ts).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(parts.get("year") ?? NaN, (parts.get("month") ?? NaN) - 1, parts.get("day") ?? NaN);
  };
}

/** The first date of the period that a date lies in, and of the next. */
function bounds(unit: CalendarUnit, date: number): [first: number, next: number] {
  const day = new Date(date);
  switch (unit) {
    case "day":
      return [date, date + DAY];
    case "week": {
      const monday = date - ((day.getUTCDay() + 6) % 7) * DAY;
      return [monday, monday + 7 * DAY];
    }
    case "month":
      return [
        Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1),
        Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1),
      ];
  }
}

/**
 * The first instant of a date: local midnight, or when it is skipped (Beirut, Havana) the instant after the gap. Dates only grow with
 * time, so it is found by halving; zones change at whole seconds.
 */
function startOf(date: number, localDate: (ts: number) => number): number {
  let before = (date - AHEAD) / SECOND;
  let from = (date + BEHIND) / SECOND;
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if (localDate(middle * SECOND) >= date) from = middle;
    else before = middle;
  }
  return from * SECOND;
}
