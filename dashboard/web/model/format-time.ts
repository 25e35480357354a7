import { THIN_SPACE } from "./format-number.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How times are shown: in the browser's zone or in UTC. */
export type TimeZoneChoice = "local" | "utc";

export interface TimeParts {
  readonly year: string;
  readonly month: string;
  readonly monthName: string;
  readonly day: string;
  readonly hour: string;
  readonly minute: string;
  readonly second: string;
}

export interface TimeFormat {
  /** `12:03:04` today, else `27 Jul 12:03:04`, else `27 Jul 2017 12:03:04`. */
  short(ts: number, now: number): string;
  /** `2026-07-27 12:03:04.120` */
  exact(ts: number): string;
  parts(ts: number): TimeParts;
  /** `UTC`, or the zone with its offset now: `Europe/Berlin, UTC+2`. */
  zoneName(now: number): string;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Formats in one zone; `timeZone` is an IANA name, absent for the browser's own. */
export function createTimeFormat(choice: TimeZoneChoice, timeZone?: string): TimeFormat {
  const zone = choice === "utc" ? { timeZone: "UTC" } : timeZone === undefined ? {} : { timeZone };
  const format = new Intl.DateTimeFormat("en-GB", {
    ...zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const offset = new Intl.DateTimeFormat("en-GB", { ...zone, timeZoneName: "shortOffset" });
  const parts = (ts: number): TimeParts => {
    const found = Object.fromEntries(format.formatToParts(ts).map(({ type, value }) => [type, value]));
    const { year = "", month = "", day = "", hour = "", minute = "", second = "" } = found;
    return { year, month, day, hour, minute, second, monthName: MONTHS[Number(month) - 1] ?? "" };
  };
  return {
    parts,
    short(ts, now) {
      const then = parts(ts);
      const today = parts(now);
      const clock = `${then.hour}:${then.minute}:${then.second}`;
      if (then.year !== today.year) return `${Number(then.day)} ${then.monthName} ${then.year} ${clock}`;
      const isToday = then.month === today.month && then.day === today.day;
      return isToday ? clock : `${Number(then.day)} ${then.monthName} ${clock}`;
    },
    exact(ts) {
      const p = parts(ts);
      const ms = String(((ts % SECOND) + SECOND) % SECOND).padStart(3, "0");
      return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}.${ms}`;
    },
    zoneName(now) {
      if (choice === "utc") return "UTC";
      const name = offset.formatToParts(now).find(({ type }) => type === "timeZoneName")?.value ?? "";
      const { timeZone: known } = format.resolvedOptions();
      return known === "UTC" ? "UTC" : `${known}, ${name.replace("GMT", "UTC")}`;
    },
  };
}

/** `cleared after 3 min`; what ended with the very reading that would have kept it from beginning, at the same event time, `cleared at once`. */
export function clearedAfter(ms: number): string {
  return ms <= 0 ? "cleared at once" : `cleared after ${formatDuration(ms)}`;
}

/** `45 s`, `3 min`, `2 h 5 min`, `4 d 2 h`. */
export function formatDuration(ms: number): string {
  const size = Math.max(0, ms);
  if (size < SECOND) return `${Math.round(size)}${THIN_SPACE}ms`;
  if (size < MINUTE) return `${Math.floor(size / SECOND)}${THIN_SPACE}s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)}${THIN_SPACE}min`;
  const [big, small, bigUnit, smallUnit] =
    size < DAY
      ? [Math.floor(size / HOUR), Math.floor((size % HOUR) / MINUTE), "h", "min"]
      : [Math.floor(size / DAY), Math.floor((size % DAY) / HOUR), "d", "h"];
  const head = `${big}${THIN_SPACE}${bigUnit}`;
  return small === 0 || big >= 10 ? head : `${head} ${small}${THIN_SPACE}${smallUnit}`;
}

/** `just now`, `3 min ago`. Whole units only: it changes rarely and is read at a glance. */
export function formatAgo(ms: number): string {
  if (ms < 2 * SECOND) return "just now";
  const size = ms < MINUTE ? ms : ms < HOUR ? ms - (ms % MINUTE) : ms < DAY ? ms - (ms % HOUR) : ms - (ms % DAY);
  return `${formatDuration(size)} ago`;
}

/** Labels of a time axis: the finer the steps, the more is said; a new day names itself. */
export function axisLabels(splits: readonly number[], format: TimeFormat): readonly string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((ts) => {
    const p = format.parts(ts);
    if (step >= 28 * DAY) return p.month === "01" ? p.year : `${p.monthName} ${p.year}`;
    const isMidnight = p.hour === "00" && p.minute === "00" && p.second === "00";
    if (step >= DAY || isMidnight) return `${Number(p.day)} ${p.monthName}`;
    return step < MINUTE ? `${p.hour}:${p.minute}:${p.second}` : `${p.hour}:${p.minute}`;
  });
}
