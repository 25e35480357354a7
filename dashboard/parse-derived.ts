import type { AlarmEvent, DeviceEvent } from "../core/derived-records.ts";
import { parseJson } from "../core/parse-json.ts";
import { alarmEventSchema, deviceEventSchema } from "../core/derived-records.ts";

export function parseAlarmEvent(bytes: Uint8Array): AlarmEvent | null {
  const parsed = alarmEventSchema.safeParse(parseJson(bytes));
  return parsed.success ? parsed.data : null;
}

export function parseDeviceEvent(bytes: Uint8Array): DeviceEvent | null {
  const parsed = deviceEventSchema.safeParse(parseJson(bytes));
  return parsed.success ? parsed.data : null;
}
