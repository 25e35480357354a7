import type { AlarmEvent, DeviceEvent, Reading } from "../core/derived-records.ts";
import { alarmEventSchema, deviceEventSchema } from "../core/derived-records.ts";

const decoder = new TextDecoder();

/**
 * A reading as our own stage wrote it. Null when the bytes are none. Checked by hand: the schema costs several times the parsing, and
 * the hub reads every reading there is.
 */
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

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // Null says "no JSON"; the caller counts it.
    return null;
  }
}

function isReading(value: unknown): value is Reading {
  return (
    typeof value === "object" &&
    value !== null &&
    "v" in value &&
    value.v === 1 &&
    "tenant" in value &&
    typeof value.tenant === "string" &&
    "device" in value &&
    typeof value.device === "string" &&
    "ts" in value &&
    typeof value.ts === "number" &&
    "received" in value &&
    typeof value.received === "number" &&
    "metrics" in value &&
    typeof value.metrics === "object" &&
    value.metrics !== null
  );
}
