import type { QuarantineReason } from "../../../core/derived-records.ts";

/**
 * The reasons in words. Their list is core's, written again: the module that exports it brings the schema library with it. The type
 * keeps both equal.
 */
const MEANINGS: Readonly<Record<QuarantineReason, string>> = {
  "bad-utf8": "The payload is not UTF-8.",
  "bad-json": "The payload is not JSON.",
  "too-deep": "The JSON is nested too deeply.",
  "bad-shape": "The JSON is none of the shapes that are understood.",
  "bad-metric-name": "A metric has a name that is not allowed.",
  "bad-value": "A value is neither number, boolean nor text.",
  "not-finite": "A number is too large to be one.",
  "out-of-range": "A value is outside of what its device type allows.",
  "wrong-kind": "A value is of another kind than its device type says.",
  "unknown-metric": "The device type has no such metric.",
  "bad-time": "The time cannot be read.",
  "time-before-2000": "The time is before the year 2000.",
  "time-in-future": "The time is too far ahead.",
  "too-many-values": "The message has too many values.",
  "unknown-device": "No such device was known when it was processed.",
  "bad-device": "A gateway named a device by what is no id.",
  "foreign-device": "A gateway named a device that is not one of its own.",
  "too-many-devices": "A gateway named too many devices in one message.",
};

const isReason = (text: string): text is QuarantineReason => Object.hasOwn(MEANINGS, text);

export const REASONS: readonly QuarantineReason[] = Object.keys(MEANINGS).filter(isReason);

/** Undefined for what is no reason, such as a mistyped address. */
export function quarantineReason(text: string): QuarantineReason | undefined {
  return isReason(text) ? text : undefined;
}

/** A sentence; for what is no reason of the quarantine, that a function failed. */
export function reasonMeaning(reason: string): string {
  return isReason(reason) ? MEANINGS[reason] : "A function failed on this record.";
}
