import { HEADER } from "../../core/record.ts";
import type { ControlRecord } from "../../core/control.ts";
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
  return {
    offset,
    timestamp,
    key,
    value: bytes,
    header: (name) => headers.find(([known]) => known === name)?.[1],
    headers: () => headers,
  };
}

export function controlLogRecord(offset: number, timestamp: number, control: ControlRecord): LogRecord {
  const headers: Header[] = [[HEADER.controlKind, control.kind]];
  return logRecord({ offset, timestamp, key: null, value: control, headers });
}
