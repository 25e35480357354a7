import { madeControlRecord, madeRecord } from "../../core/made-record.ts";
import type { Header, LogRecord } from "../../core/record.ts";

export interface RecordFields {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | Uint8Array | object;
  readonly headers?: readonly Header[];
}

/** A record as a log would hand it out. An object stands for its JSON. */
export function logRecord({ offset, timestamp, key, value, headers = [] }: RecordFields): LogRecord {
  const bytes =
    value instanceof Uint8Array ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return madeRecord({ offset, timestamp, key, value: bytes, headers });
}

export const controlLogRecord = madeControlRecord;
