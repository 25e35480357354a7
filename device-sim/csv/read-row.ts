import { isId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { MetricValue } from "../../core/schemas.ts";
import type { ReplayMessage } from "../replay/replay.ts";
import type { CsvMapping, TimeColumns } from "./csv-mapping.ts";

/** Why a row makes no message. */
export const ROW_SKIPS = ["device", "time", "json", "values"] as const;
export type RowSkip = (typeof ROW_SKIPS)[number];

/** Reads one record's cells. Gives a message, or why there is none: no usable device id, no usable time, broken JSON, no value at all. */
export type RowReader = (cells: readonly string[]) => ReplayMessage | RowSkip;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const MINUTE_MS = 60_000;

/** `columns` are the names of the header; the mapping's columns are among them. */
export function createRowReader(mapping: CsvMapping, columns: readonly string[]): RowReader {
  const indexOf = new Map(columns.map((name, index) => [name, index]));
  const cell = (cells: readonly string[], column: string) => cells[indexOf.get(column) ?? -1]?.trim() ?? "";
  const missing = new Set(["", ...mapping.missing]);
  const metrics = Object.entries(mapping.metrics);
  const readTs = createTimeReader(mapping.ts, cell);
  const readSent = mapping.sent === undefined ? readTs : createTimeReader(mapping.sent, cell);

  return (cells) => {
    const deviceId = cell(cells, mapping.device);
    if (!isId(deviceId)) return "device";
    const ts = readTs(cells);
    if (ts === null) return "time";
    const values: Record<string, MetricValue> = {};
    for (const [name, column] of metrics) {
      const text = cell(cells, column);
      if (!missing.has(text)) setOwn(values, name, valueOf(text));
    }
    for (const column of mapping.json) {
      const text = cell(cells, column);
      if (!missing.has(text) && !addJson(text, values)) return "json";
    }
    if (Object.keys(values).length === 0) return "values";
    return { deviceId, ts: readSent(cells) ?? ts, payload: Buffer.from(JSON.stringify({ ts, values })) };
  };
}

/** The columns that a mapping names. */
export function columnsOf(mapping: CsvMapping): readonly string[] {
  const times = [mapping.ts, mapping.sent].flatMap((time) => (time === undefined ? [] : timeColumnNames(time)));
  return [...new Set([mapping.device, ...times, ...Object.values(mapping.metrics), ...mapping.json])];
}

function timeColumnNames(time: TimeColumns): readonly string[] {
  if ("column" in time) return [time.column];
  const { utcOffsetMinutes: _offset, ...parts } = time;
  return Object.values(parts).filter((name) => name !== undefined);
}

type CellOf = (cells: readonly string[], column: string) => string;

/** UTC ms, or null when the cells hold no time. */
function createTimeReader(time: TimeColumns, cell: CellOf): (cells: readonly string[]) => number | null {
  if (!("column" in time)) return createPartsReader(time, cell);
  const { column, unit } = time;
  if (unit === "iso") return (cells) => isoTime(cell(cells, column));
  const scale = unit === "s" ? 1000 : 1;
  return (cells) => {
    const text = cell(cells, column);
    const ms = NUMBER.test(text) ? Math.round(Number(text) * scale) : Number.NaN;
    return Number.isSafeInteger(ms) ? ms : null;
  };
}

function createPartsReader(time: Exclude<TimeColumns, { column: string }>, cell: CellOf) {
  const part = (cells: readonly string[], column: string | undefined, fallback: number) => {
    if (column === undefined) return fallback;
    const text = cell(cells, column);
    return /^\d+$/.test(text) ? Number(text) : Number.NaN;
  };
  return (cells: readonly string[]): number | null => {
    const year = part(cells, time.year, Number.NaN);
    const month = part(cells, time.month, 1);
    const day = part(cells, time.day, 1);
    const ms = Date.UTC(
      year,
      month - 1,
      day,
      part(cells, time.hour, 0),
      part(cells, time.minute, 0),
      part(cells, time.second, 0),
    );
    // Date.UTC rolls 31 June over to 1 July; a recording that says so is wrong.
    const shown = new Date(ms);
    if (shown.getUTCMonth() !== month - 1 || shown.getUTCDate() !== day) return null;
    return ms - time.utcOffsetMinutes * MINUTE_MS;
  };
}

/** ISO 8601; without an offset UTC, where Date would take the machine's own zone. */
function isoTime(text: string): number | null {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  if (match === null) return null;
  const [, date = "", time = "00:00", zone = "Z"] = match;
  // Date.parse rolls 31 June over to 1 July.
  if (new Date(`${date}T00:00Z`).getUTCDate() !== Number(date.slice(8))) return null;
  const ms = Date.parse(`${date}T${time}${/^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`);
  return Number.isNaN(ms) ? null : ms;
}

/** Integers that a double cannot hold stay text, as 64-bit integers travel; so does what would become infinite. */
function valueOf(text: string): MetricValue {
  if (text === "true" || text === "false") return text === "true";
  if (!NUMBER.test(text)) return text;
  const number = Number(text);
  if (!Number.isFinite(number)) return text;
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number;
}

function addJson(text: string, values: Record<string, MetricValue>): boolean {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return false;
  for (const [name, value] of Object.entries(parsed)) {
    const usable = name !== "" && Buffer.byteLength(name) <= LIMITS.metricNameBytesMax;
    if (usable && (typeof value === "number" || typeof value === "boolean" || typeof value === "string")) {
      setOwn(values, name, value);
    }
  }
  return true;
}

/** `__proto__` is a key like any other in a recording. */
function setOwn(values: Record<string, MetricValue>, name: string, value: MetricValue): void {
  Object.defineProperty(values, name, { value, enumerable: true, configurable: true, writable: true });
}
