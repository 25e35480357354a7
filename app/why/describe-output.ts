import { deviceEventSchema } from "../../core/derived-records.ts";
import { isReading } from "../../core/is-reading.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import type { DeviceEvent, Reading } from "../../core/derived-records.ts";
import type { LogRecord } from "../../core/record.ts";
import type { WhyQuestion } from "../../core/why.ts";
import type { Described } from "./find-output.ts";

/** Null when the record is another reading. */
export function describeReading(
  record: LogRecord,
  { metric, ts }: Extract<WhyQuestion, { kind: "reading" }>,
): Described | null {
  const isMeant = (value: unknown): value is Reading =>
    isReading(value) && value.ts === ts && Object.hasOwn(value.metrics, metric);
  const value = parseJson(record.value);
  if (!isMeant(value)) return null;
  return {
    value: { ...value },
    since: ts - LIMITS.eventTimeAheadMsMax,
    isCause: (reading) => reading.ts === ts && Object.hasOwn(reading.metrics, metric),
    isSame: isMeant,
  };
}

/** Null when the record is no event of a function, or another one. */
export function describeEvent(record: LogRecord, { ts }: Extract<WhyQuestion, { kind: "event" }>): Described | null {
  const eventOf = (value: unknown): DeviceEvent | null => {
    const event = deviceEventSchema.safeParse(value).data;
    return event?.kind === "function" && event.ts === ts ? event : null;
  };
  const value = eventOf(parseJson(record.value));
  if (value === null) return null;
  return {
    value,
    since: ts - LIMITS.eventTimeAheadMsMax,
    isCause: () => false,
    isSame: (one) => eventOf(one)?.detail === value.detail,
  };
}
