import { readingSchema } from "../core/derived-records.ts";
import type { Reading } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";

/** The reading in a record's value; the error when there is none. */
export function parseReading(record: LogRecord): Reading | Error {
  try {
    return readingSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(record.value)));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
