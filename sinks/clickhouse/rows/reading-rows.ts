import { isReading } from "../../../core/is-reading.ts";
import { MAIN_STAGE } from "../../../core/stage.ts";
import { SOURCE_COLUMNS, TIME_MAX, writeSource, type TableShape } from "../row-sheets.ts";
import { MINUTE_MS } from "../rollups/dirty-buckets.ts";
import { keepLatest } from "./latest-values.ts";
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

/** One row per metric. */
export const encodeReading: RowEncoder = (value, source, { sheets, latest }) => {
  if (!isReading(value) || value.ts >= TIME_MAX) return false;
  const { tenant, device, ts, metrics } = value;
  const names = Object.keys(metrics);
  if (names.length === 0) return true;
  const newest = latest.device(tenant, device);
  newest.minutes.add(Math.floor(ts / MINUTE_MS));
  const derived = source.stage === MAIN_STAGE ? 0 : names.length;
  const writer = sheets.writer(READINGS, ts, names.length, derived);
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
