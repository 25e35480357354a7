import { LIMITS } from "../core/limits.ts";
import { HEADER } from "../core/record.ts";
import type { ControlRecord } from "../core/control.ts";
import type { RecordInput } from "../core/record.ts";

/** `key`: the device that it concerns, or null for all of its partition. */
export function controlRecord(key: string | null, control: ControlRecord, now: number): RecordInput {
  return {
    timestamp: now,
    key,
    value: new TextEncoder().encode(JSON.stringify(control)),
    headers: [[HEADER.controlKind, control.kind]],
  };
}

/** Few enough records and bytes for one append: the code of many functions is more. */
export function* appendsOf(records: readonly RecordInput[]): Generator<readonly RecordInput[]> {
  let some: RecordInput[] = [];
  let bytes = 0;
  for (const record of records) {
    some.push(record);
    bytes += record.value.length;
    if (bytes < LIMITS.recordBytesMax && some.length < LIMITS.controlRecordsPerAppendMax) continue;
    yield some;
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield some;
}
