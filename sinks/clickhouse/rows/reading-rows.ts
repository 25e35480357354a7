import { SOURCE_COLUMNS, TIME_MAX, writeSource, type TableShape } from "../row-sheets.ts";
import { keepLatest } from "./latest-values.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { RowEncoder } from "./row-encoder.ts";

const READINGS: TableShape = {
  table: "readings",
  columns: ["tenant", "device", "metric", "ts", "kind", "number", "text", ...SOURCE_COLUMNS],
  monthly: true,
};

/** Values of the column `kind`. */
const NUMBER = 0;
const BOOLEAN = 1;
const TEXT = 2;

/** One row per metric. Checked by hand: this is the path of every measurement, and a schema costs more than the row. */
export const encodeReading: RowEncoder = (value, source, { sheets, latest }) => {
  if (!isReading(value)) return false;
  const { tenant, device, ts, metrics } = value;
  const names = Object.keys(metrics);
  if (names.length === 0) return true;
  const newest = latest.device(tenant, device);
  const writer = sheets.writer(READINGS, ts, names.length);
  for (const name of names) {
    const metric = metrics[name];
    const kind = typeof metric === "number" ? NUMBER : typeof metric === "boolean" ? BOOLEAN : TEXT;
    const number = typeof metric === "number" ? metric : metric === true ? 1 : 0;
    const text = typeof metric === "string" ? metric : "";
    writer.string(tenant);
    writer.string(device);
    writer.string(name);
    writer.int64(ts);
    writer.uint8(kind);
    writer.float64(number);
    writer.string(text);
    writeSource(writer, source);
    keepLatest(newest, name, ts, kind, number, text);
  }
  return true;
};

function isReading(value: unknown): value is Pick<Reading, "tenant" | "device" | "ts" | "metrics"> {
  if (!isObject(value)) return false;
  const { v, tenant, device, ts, metrics } = value;
  if (v !== 1 || typeof tenant !== "string" || typeof device !== "string" || !isTime(ts) || !isObject(metrics))
    return false;
  for (const name in metrics) {
    const metric = metrics[name];
    const type = typeof metric;
    if (type !== "number" && type !== "boolean" && type !== "string") return false;
  }
  return true;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value < TIME_MAX;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
