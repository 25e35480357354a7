import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { stringify } from "yaml";
import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { loadBeijing, loadCampusIot, recordedFile } from "./real-data.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { RecordedMessage } from "./real-data.ts";

/** A recorded file with the configuration under which it is replayed, and what the replay would send, straight from the file. */
export interface Recording {
  readonly map: "campusiot" | "beijing-air";
  /** The first rows of the file; null for all of them. */
  readonly rows: number | null;
  readonly types: readonly DeviceType[];
  readonly rules: readonly AlarmRule[];
  /** Type of each device. */
  readonly devices: ReadonlyMap<string, DeviceType>;
  readonly messages: readonly RecordedMessage[];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TENANT = "default";
/** A replay runs years within minutes of receive time: a pause in it says nothing about the recorded device. */
const WINDOWS = { windowMs: [MINUTE, HOUR], idleMs: 12 * HOUR, allowedLatenessMs: HOUR };

export function campusIotRecording(rows: number | null = null): Recording {
  const types = [type("ftd", { outOfOrderMs: 30_000 }), type("ems", {}), type("imst", { outOfOrderMs: 5000 })];
  const rules = [
    rule("ftd-battery", { kind: "threshold", metric: "batteryVoltage", op: "<", value: 3600, deadband: 50 }, "ftd"),
    rule("ems-battery", { kind: "threshold", metric: "vdd", op: "<", value: 3540, deadband: 15 }, "ems"),
    rule("ftd-hot", { kind: "threshold", metric: "temperature", op: ">=", value: 40, deadband: 3 }, "ftd", 30 * MINUTE),
    rule("silent", { kind: "no-data", afterMs: DAY }),
  ];
  // The command publishes the decoder's own names; `battery` is the loader's.
  const messages = head(loadCampusIot(), rows).map(({ values: { battery: _battery, ...values }, ...message }) => {
    return { ...message, values };
  });
  return recording("campusiot", rows, types, rules, messages, (device) => {
    if (device.startsWith("0018B2")) return "ftd";
    return device.startsWith("A81758") ? "ems" : "imst";
  });
}

const BEIJING_NAMES: Readonly<Record<string, string>> = {
  "PM2.5": "pm25",
  PM10: "pm10",
  SO2: "so2",
  NO2: "no2",
  CO: "co",
  O3: "o3",
  TEMP: "temperature",
  PRES: "pressure",
  DEWP: "dewPoint",
  RAIN: "rain",
  wd: "windDirection",
  WSPM: "windSpeed",
};

export function beijingRecording(rows: number | null = null): Recording {
  const types = [type("station", {})];
  const rules = [
    rule("pm25", { kind: "threshold", metric: "pm25", op: ">", value: 150, deadband: 10 }, "station", 3 * HOUR),
    rule(
      "frost",
      { kind: "threshold", metric: "temperature", op: "<", value: 0, deadband: 0.5 },
      "station",
      0,
      2 * HOUR,
    ),
    rule("silent", { kind: "no-data", afterMs: DAY }),
  ];
  const messages = head(loadBeijing(), rows).map(({ values, ...message }) => {
    const named = Object.entries(values).map(([name, value]) => [BEIJING_NAMES[name] ?? name, value] as const);
    return { ...message, values: Object.fromEntries(named) };
  });
  return recording("beijing-air", rows, types, rules, messages, () => "station");
}

/** Writes the recording's file and its configuration into the directory. */
export function writeRecording(
  recording: Recording,
  directory: string,
): { readonly csv: string; readonly yaml: string } {
  const source = recordedFile(recording.map === "campusiot" ? "campusiot" : "beijing");
  const yaml = join(directory, `${recording.map}.yaml`);
  const devices = [...recording.devices].map(([id, { id: typeId }]) => ({ id, type: typeId }));
  const withoutTenant = <T extends { readonly tenant: string }>({ tenant: _tenant, ...rest }: T) => rest;
  const { types, rules } = recording;
  writeFileSync(yaml, stringify({ types: types.map(withoutTenant), rules: rules.map(withoutTenant), devices }));
  if (recording.rows === null) return { csv: source, yaml };
  const csv = join(directory, `${recording.map}.csv.gz`);
  const lines = gunzipSync(readFileSync(source)).toString("utf8").split("\n");
  writeFileSync(csv, gzipSync(`${lines.slice(0, recording.rows + 1).join("\n")}\n`, { level: 1 }));
  return { csv, yaml };
}

function recording(
  map: Recording["map"],
  rows: number | null,
  types: readonly DeviceType[],
  rules: readonly AlarmRule[],
  messages: readonly RecordedMessage[],
  typeOf: (device: string) => string,
): Recording {
  const devices = new Map<string, DeviceType>();
  for (const { device } of messages) {
    const found = types.find(({ id }) => id === typeOf(device));
    if (found !== undefined) devices.set(device, found);
  }
  return { map, rows, types, rules, devices, messages };
}

function type(id: string, time: Partial<DeviceType>): DeviceType {
  return deviceTypeSchema.parse({ tenant: TENANT, id, ...WINDOWS, ...time });
}

function rule(id: string, condition: object, selected?: string, onDelayMs = 0, offDelayMs = 0): AlarmRule {
  const select = selected === undefined ? {} : { type: selected };
  return alarmRuleSchema.parse({
    tenant: TENANT,
    id,
    name: id,
    severity: "high",
    select,
    condition,
    onDelayMs,
    offDelayMs,
  });
}

function head<T>(all: readonly T[], rows: number | null): readonly T[] {
  return rows === null ? all : all.slice(0, rows);
}
