import { readingSchema } from "../core/derived-records.ts";
import { isReading } from "../core/is-reading.ts";
import type { Reading } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The reading in a record's value; the error when there is none. */
export function parseReading(record: LogRecord): Reading | Error {
  try {
    const value: unknown = JSON.parse(utf8.decode(record.value));
    if (isReading(value)) return value;
    // Says what is wrong with it; of a metric named `__proto__` it would not.
    const error = readingSchema.safeParse(value).error;
    return error ?? new TypeError("the reading has a metric that may not be named so");
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
