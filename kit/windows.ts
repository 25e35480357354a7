import { CALENDAR_UNITS } from "../engine/windows/calendar-lane.ts";
import { LIMITS } from "../core/limits.ts";
import { definitionError } from "./definition-error.ts";
import { durationMs } from "./durations.ts";
import type { CalendarUnit } from "../engine/windows/calendar-lane.ts";
import type { Duration } from "./durations.ts";

/** How readings are put into windows: what `tumbling` and its like make. */
export type WindowSpec =
  | { readonly kind: "tumbling"; readonly size: Duration }
  | { readonly kind: "hopping"; readonly size: Duration; readonly every: Duration }
  | { readonly kind: "sliding"; readonly size: Duration }
  | { readonly kind: "session"; readonly gap: Duration }
  | { readonly kind: "count"; readonly readings: number }
  | { readonly kind: "calendar"; readonly unit: CalendarUnit; readonly zone: string };

/** Windows of one size, one after the other, counted from 1970 in UTC: 00:00, 01:00, … for "1h". */
export function tumbling(size: Duration): WindowSpec {
  return Object.freeze({ kind: "tumbling", size });
}

/** Windows of one size that begin every so often and overlap: the last hour, every five minutes. */
export function hopping(size: Duration, every: Duration): WindowSpec {
  return Object.freeze({ kind: "hopping", size, every });
}

/** For every reading the readings of the last `size` up to it; answered at once, and never revised. */
export function sliding(size: Duration): WindowSpec {
  return Object.freeze({ kind: "sliding", size });
}

/** Readings that are less than `gap` apart. */
export function session(gap: Duration): WindowSpec {
  return Object.freeze({ kind: "session", gap });
}

/** So many readings, in the order in which they come. */
export function count(readings: number): WindowSpec {
  return Object.freeze({ kind: "count", readings });
}

/** Days, weeks (from Monday) or months of a zone such as "Europe/Berlin", with its summer time. */
export function calendar(unit: CalendarUnit, zone: string): WindowSpec {
  return Object.freeze({ kind: "calendar", unit, zone });
}

/** A length within what windows may have, in ms. FUNCTION_INVALID. */
export function windowMs(fn: string, what: string, duration: Duration): number {
  const ms = durationMs(fn, what, duration);
  const { windowMsMin, windowMsMax } = LIMITS;
  if (ms >= windowMsMin && ms <= windowMsMax) return ms;
  throw definitionError(fn, `${what} is ${JSON.stringify(duration)}`, "choose one from 1 s to 31 d");
}

/** The sizes of a hopping window, in ms. FUNCTION_INVALID. */
export function hoppingMs(fn: string, size: Duration, every: Duration): [sizeMs: number, everyMs: number] {
  const sizeMs = windowMs(fn, "the window's size", size);
  const everyMs = windowMs(fn, "the window's hop", every);
  if (everyMs > sizeMs) throw definitionError(fn, "its windows leave gaps", "let them begin at least once per size");
  if (Math.ceil(sizeMs / everyMs) <= LIMITS.windowsPerReadingMax) return [sizeMs, everyMs];
  const fault = `a reading lies in ${Math.ceil(sizeMs / everyMs)} of its windows; ${LIMITS.windowsPerReadingMax} are allowed`;
  throw definitionError(fn, fault, "let them begin less often");
}

/** FUNCTION_INVALID unless Intl knows the zone. */
export function checkCalendar(fn: string, unit: CalendarUnit, zone: string): void {
  if (!CALENDAR_UNITS.includes(unit)) {
    throw definitionError(fn, `the calendar has no unit "${String(unit)}"`, "choose day, week or month");
  }
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    throw definitionError(
      fn,
      `there is no time zone "${zone}"`,
      'choose one of the IANA list, such as "Europe/Berlin"',
    );
  }
}

/** FUNCTION_INVALID. */
export function checkCount(fn: string, readings: number): void {
  const { countWindowReadingsMax } = LIMITS;
  if (Number.isSafeInteger(readings) && readings >= 1 && readings <= countWindowReadingsMax) return;
  throw definitionError(fn, `its window counts ${readings} readings`, `choose from 1 to ${countWindowReadingsMax}`);
}
