import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** One recorded message, as a replay would send it. */
export interface RecordedMessage {
  readonly device: string;
  /** Event time, UTC ms. */
  readonly ts: number;
  /** When it was received, UTC ms. */
  readonly received: number;
  readonly values: Readonly<Record<string, number | string | boolean>>;
}

const CAMPUS_IOT = "campusiot/lorawan_frames.csv.gz";
const BEIJING = "beijing-air/stations.csv.gz";

/** Why recorded data cannot be used, for the name of a skipped test; null when it is there. */
export function realDataMissing(): string | null {
  const missing = [CAMPUS_IOT, BEIJING].filter((name) => !existsSync(pathOf(name)));
  return missing.length === 0 ? null : `no recorded data: ${missing.join(", ")} not found (set MILLRACE_TEST_DATA)`;
}

/** The file itself, for a replay. */
export function recordedFile(name: "campusiot" | "beijing"): string {
  return pathOf(name === "campusiot" ? CAMPUS_IOT : BEIJING);
}

/** What a device would publish: `{"ts":…,"values":{…}}`. */
export function recordedPayload({ ts, values }: RecordedMessage): string {
  return JSON.stringify({ ts, values });
}

/**
 * LoRaWAN frames: device = EUI, event time = the first hotspot's, values = the decoder's numbers and flags, frame counter, radio quality, and `battery`
 * (mV) under one name for all device types. Duplicates (one frame heard by several gateways) stay in.
 */
export function loadCampusIot(): RecordedMessage[] {
  return linesOf(CAMPUS_IOT).map((line) => {
    const cells = line.split(",", 15);
    const payload = line.slice(cells.join(",").length + 1);
    const decoded: unknown = JSON.parse(
      payload.startsWith('"') ? payload.slice(1, -1).replaceAll('""', '"') : payload || "{}",
    );
    const values: Record<string, number | boolean> = {};
    for (const [name, value] of Object.entries(decoded ?? {})) {
      if (typeof value === "number" || typeof value === "boolean") values[name] = value;
    }
    const battery = values["batteryVoltage"] ?? values["vdd"];
    if (battery !== undefined) values["battery"] = battery;
    values["fcnt"] = Number(cells[5]);
    values["rssi"] = Number(cells[11]);
    values["snr"] = Number(cells[12]);
    return { device: cells[2] ?? "", ts: Number(cells[1]), received: Number(cells[0]), values };
  });
}

const BEIJING_NUMBERS = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN"] as const;
/** Beijing is UTC+8 all year. */
const UTC_PLUS_8_MS = 8 * 3_600_000;
const RECEIVED_AFTER_MS = 1000;

/** Hourly air quality: device = station, wall-clock hours to UTC. Missing cells (NA) are left out, as a device would. */
export function loadBeijing(): RecordedMessage[] {
  return linesOf(BEIJING).map((line) => {
    const cells = line.replaceAll('"', "").split(",");
    const [, year, month, day, hour] = cells.map(Number);
    const ts = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour) - UTC_PLUS_8_MS;
    const values: Record<string, number | string> = {};
    BEIJING_NUMBERS.forEach((name, index) => putNumber(values, name, cells[index + 5]));
    const wind = cells[15];
    if (wind !== undefined && wind !== "NA") values["wd"] = wind;
    putNumber(values, "WSPM", cells[16]);
    return { device: cells[17] ?? "", ts, received: ts + RECEIVED_AFTER_MS, values };
  });
}

function putNumber(values: Record<string, number | string>, name: string, cell: string | undefined): void {
  if (cell !== undefined && cell !== "NA" && cell !== "") values[name] = Number(cell);
}

function linesOf(name: string): string[] {
  const lines = gunzipSync(readFileSync(pathOf(name)))
    .toString("utf8")
    .split("\n")
    .map((line) => line.replace(/\r$/, ""));
  return lines.slice(1).filter((line) => line !== "");
}

function pathOf(name: string): string {
  return join(process.env["MILLRACE_TEST_DATA"] ?? join(import.meta.dirname, "../../../shared/data"), name);
}
