import { readingSchema, repartitionedSchema } from "../core/derived-records.ts";
import { isReading } from "../core/is-reading.ts";
import { isRepartitioned } from "../core/is-repartitioned.ts";
import { readPlainReading } from "../wire/reading-reader.ts";
import type { z } from "zod";
import type { DeviceIds } from "./dead-letters.ts";
import type { Reading, Repartitioned } from "../core/derived-records.ts";
import type { Header, LogRecord } from "../core/record.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A record whose reading somebody knows already: the stage need not parse it again. */
export class ReadRecord implements LogRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly reading: Reading;
  private readonly record: LogRecord;

  constructor(record: LogRecord, reading: Reading) {
    this.offset = record.offset;
    this.timestamp = record.timestamp;
    this.key = record.key;
    this.value = record.value;
    this.reading = reading;
    this.record = record;
  }

  header(name: string): string | undefined {
    return this.record.header(name);
  }

  headers(): readonly Header[] {
    return this.record.headers();
  }
}

/** The reading in a record's value; the error when there is none. `key` is the record's. */
export function parseReading(record: LogRecord, { tenant, device }: DeviceIds): Reading | Error {
  if (record instanceof ReadRecord) return record.reading;
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
