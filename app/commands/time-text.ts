import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { excerpt } from "./excerpt.ts";

const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const REMEDY = "Write 2026-01-31T12:00:00Z, 2026-01-31 (from 00:00 UTC) or UTC milliseconds, such as 1769860800000.";

const hasZone = z.union([z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })]);
const isDate = z.iso.date();
const isLocal = z.union([z.iso.datetime({ local: true }), z.iso.datetime({ local: true, precision: -1 })]);

/**
 * A time as typed: a date, which begins at 00:00 UTC, a date and time with its zone, or UTC milliseconds. INVALID_INPUT for all else:
 * Date finds a date in nearly every text, "-5" among them, and what is then replayed or closed is not what was meant.
 */
export function parseTimeText(text: string): number {
  if (/^\d+$/.test(text)) return plausible(text, Number(text), "taken as UTC milliseconds");
  if (hasZone.safeParse(text).success || isDate.safeParse(text).success) {
    return plausible(text, Date.parse(text), "a time");
  }
  // Without a zone it would be another time on each machine.
  if (isLocal.safeParse(text).success) throw refused(`${text} names no zone`, `Write ${text}Z for UTC.`);
  throw refused(`${excerpt(text) === "" ? "an empty text" : excerpt(text)} is not a time`);
}

/** Seconds, microseconds and a year alone are digits too. */
function plausible(text: string, time: number, what: string): number {
  if (time >= LIMITS.eventTimeMin && time <= LAST) return time;
  throw refused(`${excerpt(text)}, ${what}, does not lie in the years from 2000 to 9999`);
}

function refused(message: string, remedy = REMEDY): MillraceError {
  return new MillraceError("INVALID_INPUT", message, { remedy });
}
