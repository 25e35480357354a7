import type { Window, WindowLane } from "./window-lanes.ts";

export const CALENDAR_UNITS = ["day", "week", "month"] as const;
export type CalendarUnit = (typeof CALENDAR_UNITS)[number];

const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** What stands for the length of a window. */
const NOMINAL_MS = { day: DAY, week: 7 * DAY, month: 30 * DAY } as const;
/** Local time is at most 14 hours ahead of UTC and 12 behind; an hour more for what laws may bring. */
const AHEAD = 15 * HOUR;
const BEHIND = 13 * HOUR;
/** Windows whose bounds are kept: asking Intl for one costs as much as some dozen readings. */
const KEPT = 8;

/**
 * Days, weeks (from Monday) or months as a clock on the wall of that zone has them: 23 and 25 hours long where summer time begins and
 * ends. Which, the time zone data of this Node says. Where a clock is put back over midnight (St. John's until 2010) a day begins when its date
 * comes for the first time, and goes on when the old one comes again. RangeError for a zone that it does not know.
 */
export function calendarLane(unit: CalendarUnit, zone: string): WindowLane {
  const wallTime = wallTimeIn(zone);
  const kept: Window[] = [];
  let oldest = 0;

  const windowAt = (ts: number): Window => {
    const known = kept.find(({ start, end }) => start <= ts && ts < end);
    if (known !== undefined) return known;
    let [first, next] = bounds(unit, dateOf(wallTime(ts)));
    let end = startOf(next, wallTime);
    while (end <= ts) {
      [first, next] = bounds(unit, next);
      end = startOf(next, wallTime);
    }
    const window = { start: startOf(first, wallTime), end, nominalMs: NOMINAL_MS[unit] };
    kept[oldest] = window;
    oldest = (oldest + 1) % KEPT;
    return window;
  };

  return {
    ...unknownCalendarLane(unit),
    label: `1 ${unit} in ${zone}`,
    windowsOf: (ts) => [windowAt(ts)],
    windowFrom(start) {
      const window = windowAt(start);
      return window.start === start ? window : null;
    },
  };
}

/** Of a zone that nobody knows any more: its windows end as they began. */
export function unknownCalendarLane(unit: CalendarUnit): WindowLane {
  return {
    name: unit,
    label: `1 ${unit}`,
    windowsOf: () => [],
    windowFrom: () => null,
    otherWindow: (start, end) => ({ start, end, nominalMs: NOMINAL_MS[unit] }),
  };
}

/** What the clock on the wall shows at an instant, as the time at which a clock in UTC shows it; whole seconds. */
function wallTimeIn(zone: string): (ts: number) => number {
  const format = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (ts) => {
    const parts = new Map(format.formatToParts(ts).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? NaN;
    return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  };
}

/** The date, as the time that UTC midnight of that date has. */
function dateOf(wall: number): number {
  return Math.floor(wall / DAY) * DAY;
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

/** The first instant at which the date has come: local midnight, or when it is skipped (Beirut, Havana) the instant after the gap. */
function startOf(date: number, wallTime: (ts: number) => number): number {
  // Zones change their offset at most once within so short a time: until then midnight is that of the old one.
  for (const near of [date - AHEAD, date + BEHIND]) {
    const midnight = date - (wallTime(near) - near);
    if (wallTime(midnight) === date) return midnight;
  }
  let before = (date - AHEAD) / SECOND;
  let from = (date + BEHIND) / SECOND;
  // Here the clock is only put forward, and at a whole second.
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if (wallTime(middle * SECOND) >= date) from = middle;
    else before = middle;
  }
  return from * SECOND;
}
