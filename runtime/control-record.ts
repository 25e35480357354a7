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
