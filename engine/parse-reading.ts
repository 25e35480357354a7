import { readingSchema, repartitionedSchema } from "../core/derived-records.ts";
import { isReading } from "../core/is-reading.ts";
import { isRepartitioned } from "../core/is-repartitioned.ts";
import { readPlainReading } from "../wire/reading-reader.ts";
import type { z } from "zod";
import type { DeviceIds } from "./dead-letters.ts";
import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The reading in a record's value; the error when there is none. `key` is the record's. */
export function parseReading(record: LogRecord, { tenant, device }: DeviceIds): Reading | Error {
  return readPlainReading(record.value, tenant, device) ?? parse(record, isReading, readingSchema);
}

/** The same of a reading that is to be joined. */
export function parseRepartitioned(record: LogRecord): Repartitioned | Error {
  return parse(record, isRepartitioned, repartitionedSchema);
}

function parse<Value>(
  record: LogRecord,
  isValue: (value: unknown) => value is Value,
  schema: z.ZodType<Value>,
): Value | Error {
  try {
    const value: unknown = JSON.parse(utf8.decode(record.value));
    if (isValue(value)) return value;
    // Says what is wrong with it; of a metric named `__proto__` it would not.
    return schema.safeParse(value).error ?? new TypeError("the reading has a metric that may not be named so");
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
