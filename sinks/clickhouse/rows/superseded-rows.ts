import { isReading } from "../../../core/is-reading.ts";
import { HEADER, type LogRecord } from "../../../core/record.ts";
import { parseSourcePosition } from "../../../core/source-position.ts";
import { MINUTE_MS } from "../rollups/dirty-buckets.ts";
import { SOURCE_COLUMNS, writeSource, type TableShape } from "../row-sheets.ts";
import type { RowTarget } from "./row-encoder.ts";

/** Sorts behind `readings`: rows are there before others are deleted for them. */
export const SUPERSEDED_TABLE = "superseded_readings";

const SUPERSEDED: TableShape = {
  table: SUPERSEDED_TABLE,
  columns: ["tenant", "device", "ts", ...SOURCE_COLUMNS],
  monthly: false,
};

/** Notes the reading whose place a correction takes, and marks its minute, also when nothing comes in its place. */
export function writeSuperseded(record: LogRecord, value: unknown, { sheets, latest }: RowTarget): void {
  const source = parseSourcePosition(record.header(HEADER.replaces) ?? "");
  if (source === null || !isReading(value)) return;
  const { tenant, device, ts } = value;
  latest.touch(latest.device(tenant, device), Math.floor(ts / MINUTE_MS));
  const writer = sheets.writer(SUPERSEDED, 0, 1);
  writer.string(tenant);
  writer.string(device);
  writer.int64(ts);
  writeSource(writer, source);
}
