import { MillraceError } from "../../core/errors.ts";

/** A time as typed: UTC milliseconds, or what Date can read. INVALID_INPUT. */
export function parseTimeText(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new MillraceError("INVALID_INPUT", `${text} is not a time`, {
    remedy: "Write 2026-01-31T12:00:00Z or UTC milliseconds.",
  });
}
