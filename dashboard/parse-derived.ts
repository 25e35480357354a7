import type { AlarmEvent, DeviceEvent, Reading } from "../core/derived-records.ts";
import { parseJson } from "../core/parse-json.ts";
import { alarmEventSchema, deviceEventSchema } from "../core/derived-records.ts";
import { isReading } from "../core/is-reading.ts";

/** Null when the bytes are no reading. */
export function parseReading(bytes: Uint8Array): Reading | null {
  const value = parseJson(bytes);
  return isReading(value) ? value : null;
}

export function parseAlarmEvent(bytes: Uint8Array): AlarmEvent | null {
  const parsed = alarmEventSchema.safeParse(parseJson(bytes));
  return parsed.success ? parsed.data : null;
}

export function parseDeviceEvent(bytes: Uint8Array): DeviceEvent | null {
  const parsed = deviceEventSchema.safeParse(parseJson(bytes));
  return parsed.success ? parsed.data : null;
}
