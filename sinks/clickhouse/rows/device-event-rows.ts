import { deviceEventSchema } from "../../../core/derived-records.ts";
import { SOURCE_COLUMNS, writeSource, type TableShape } from "../row-sheets.ts";
import type { RowEncoder } from "./row-encoder.ts";

const DEVICE_EVENTS: TableShape = {
  table: "device_events",
  columns: ["tenant", "device", "kind", "ts", "received", "detail", ...SOURCE_COLUMNS],
  monthly: true,
};

export const encodeDeviceEvent: RowEncoder = (value, source, { sheets }) => {
  const { data } = deviceEventSchema.safeParse(value);
  if (data === undefined) return false;
  const writer = sheets.writer(DEVICE_EVENTS, data.received, 1);
  for (const text of [data.tenant, data.device, data.kind]) writer.string(text);
  writer.int64(data.ts);
  writer.int64(data.received);
  writer.string(data.detail);
  writeSource(writer, source);
  return true;
};
