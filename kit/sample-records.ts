import { deviceTypeSchema } from "../core/device-type.ts";
import { deviceKey } from "../core/ids.ts";
import { madeRecord } from "../core/made-record.ts";
import { HEADER } from "../core/record.ts";
import type { ControlRecord } from "../core/control.ts";
import type { Reading } from "../core/derived-records.ts";
import type { Header, LogRecord } from "../core/record.ts";
import type { CheckedEntry } from "./sample.ts";

const TENANT = "default";
const DEVICE = "device-1";

/** Makes entries the records of a partition of `readings`, call after call. Times of what is no reading count as receive times. */
export function sampleRecords(): (entries: readonly CheckedEntry[]) => readonly LogRecord[] {
  let received = 0;
  let revision = 0;
  let next = 0;
  const toRecord = (entry: CheckedEntry): LogRecord => {
    const offset = next;
    next += 1;
    const control = (record: ControlRecord, key: string | null = null): LogRecord =>
      recordOf({ offset, timestamp: received, key, value: record, headers: [[HEADER.controlKind, record.kind]] });
    const tenant = "tick" in entry || "flush" in entry ? TENANT : (entry.tenant ?? TENANT);
    if ("metrics" in entry) {
      const { ts, device = DEVICE, metrics } = entry;
      received = entry.received ?? Math.max(received, ts);
      const value: Reading = { v: 1, tenant, device, ts, received, metrics };
      return recordOf({ offset, timestamp: received, key: deviceKey(tenant, device), value, headers: [] });
    }
    revision += 1;
    if ("tick" in entry) {
      received = Math.max(received, entry.tick);
      return control({ v: 1, kind: "tick" });
    }
    if ("flush" in entry) {
      received = Math.max(received, entry.flush);
      return control({ v: 1, kind: "flush", upTo: entry.flush });
    }
    if ("deviceType" in entry) {
      const type = deviceTypeSchema.parse({ ...entry.deviceType, tenant });
      return control({ v: 1, kind: "device-type", revision, removed: false, type });
    }
    const { configure: id, type = null, labels = {}, disabled = false, removed = false } = entry;
    const device = { tenant, id, type, labels, disabled };
    return control({ v: 1, kind: "device", revision, removed, device }, deviceKey(tenant, id));
  };
  return (entries) => entries.map(toRecord);
}

interface RecordFields extends Pick<LogRecord, "offset" | "timestamp" | "key"> {
  readonly value: object;
  readonly headers: readonly Header[];
}

function recordOf({ value, ...fields }: RecordFields): LogRecord {
  return madeRecord({ ...fields, value: Buffer.from(JSON.stringify(value)) });
}
