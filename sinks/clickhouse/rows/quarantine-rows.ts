import { quarantinedSchema } from "../../../core/derived-records.ts";
import { SOURCE_COLUMNS, TIME_MAX, writeSource, type TableShape } from "../row-sheets.ts";
import type { RowEncoder } from "./row-encoder.ts";

const QUARANTINE: TableShape = {
  table: "quarantine",
  columns: ["tenant", "device", "reason", "detail", "metric", "ts", "received", "payload", ...SOURCE_COLUMNS],
  monthly: true,
};

export const encodeQuarantined: RowEncoder = (value, source, { sheets }) => {
  const { data } = quarantinedSchema.safeParse(value);
  if (data === undefined) return false;
  const writer = sheets.writer(QUARANTINE, data.received, 1);
  for (const text of [data.tenant, data.device, data.reason, data.detail, data.metric ?? ""]) writer.string(text);
  // A time that nobody can mean (the reason may be that) does not fit DateTime64: the payload still shows it.
  if (writer.nullable(isStorable(data.ts) ? data.ts : null)) writer.int64(data.ts ?? 0);
  writer.int64(data.received);
  writer.string(data.payload);
  writeSource(writer, source);
  return true;
};

function isStorable(ts: number | undefined): boolean {
  return ts !== undefined && ts < TIME_MAX;
}
