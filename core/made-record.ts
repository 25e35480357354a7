import { HEADER } from "./record.ts";
import type { ControlRecord } from "./control.ts";
import type { Header, LogRecord, RecordInput } from "./record.ts";

export interface MadeRecordFields extends Pick<LogRecord, "offset" | "timestamp" | "key" | "value"> {
  readonly headers: readonly Header[];
}

/** A record as a log hands it out, of what does not come from one. */
export function madeRecord({ headers, ...fields }: MadeRecordFields): LogRecord {
  return { ...fields, header: (name) => headers.find(([known]) => known === name)?.[1], headers: () => headers };
}

/** The same of one that is to be appended. */
export function recordAt({ timestamp, key, value, headers }: RecordInput, offset: number): LogRecord {
  return madeRecord({ offset, timestamp, key, value, headers });
}

/** The same of a control record that concerns the whole partition. */
export function madeControlRecord(offset: number, timestamp: number, control: ControlRecord): LogRecord {
  const value = new TextEncoder().encode(JSON.stringify(control));
  return madeRecord({ offset, timestamp, key: null, value, headers: [[HEADER.controlKind, control.kind]] });
}
