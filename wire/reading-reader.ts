import { parseDeviceKey } from "../core/ids.ts";
import { isReading } from "../core/is-reading.ts";
import { parseJson } from "../core/parse-json.ts";
import { PlainJson } from "./plain-json.ts";
import type { Reading } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";

/** What stands between the members of a reading as the stages write it. */
export const TENANT = Buffer.from('{"v":1,"tenant":"');
export const DEVICE = Buffer.from('","device":"');
export const TIME = Buffer.from('","ts":');
export const RECEIVED = Buffer.from(',"received":');
export const METRICS = Buffer.from(',"metrics":{');
const OPEN = Buffer.from("{");
const END = Buffer.from("}");

/** Readings are read one at a time. */
const json = new PlainJson();

export type Metrics = Reading["metrics"];

type Device = NonNullable<ReturnType<typeof parseDeviceKey>>;

/** Devices by the keys of their records: a fleet's few thousand come again and again. */
const devices = new Map<string, Device>();
const DEVICES_REMEMBERED = 16_384;

/** The reading in the value of a record of topic `readings`; null when there is none. */
export function readReading({ key, value }: Pick<LogRecord, "key" | "value">): Reading | null {
  const device = key === null ? null : deviceOf(key);
  const plain = device === null ? null : readPlainReading(value, device.tenant, device.device);
  if (plain !== null) return plain;
  const parsed = parseJson(value);
  return isReading(parsed) ? parsed : null;
}

function deviceOf(key: string): Device | null {
  const known = devices.get(key);
  if (known !== undefined) return known;
  const device = parseDeviceKey(key);
  if (device === null) return null;
  if (devices.size >= DEVICES_REMEMBERED) devices.clear();
  devices.set(key, device);
  return device;
}

/**
 * The reading of this device that the bytes are, when they are written as the stages write nearly all of them. Null for all others: what they are tells
 * `isReading` of what a parser finds. Both ids are right already.
 */
export function readPlainReading(bytes: Uint8Array, tenant: string, device: string): Reading | null {
  json.begin(bytes);
  if (!json.skip(TENANT) || !json.skipText(tenant) || !json.skip(DEVICE) || !json.skipText(device)) return null;
  if (!json.skip(TIME)) return null;
  const ts = json.number();
  if (!isTime(ts) || !json.skip(RECEIVED)) return null;
  const received = json.number();
  if (!isTime(received) || !json.skip(METRICS)) return null;
  const metrics = json.members();
  if (metrics === null || !json.skip(END) || !json.isAtEnd) return null;
  return { v: 1, tenant, device, ts, received, metrics };
}

/** Metrics that stand by themselves, with their braces; null when they are none that a reading may have. */
export function readMetrics(bytes: Uint8Array): Metrics | null {
  json.begin(bytes);
  const members = json.skip(OPEN) ? json.members() : null;
  if (members !== null && json.isAtEnd) return members;
  const reading: unknown = { v: 1, tenant: "-", device: "-", ts: 0, received: 0, metrics: parseJson(bytes) };
  return isReading(reading) ? reading.metrics : null;
}

function isTime(ts: number): boolean {
  return Number.isSafeInteger(ts) && ts >= 0;
}
