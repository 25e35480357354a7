import { deadLetterSchema } from "../../../core/derived-records.ts";
import { SOURCE_COLUMNS, writeSource, type TableShape } from "../row-sheets.ts";
import type { RowEncoder } from "./row-encoder.ts";

const DEAD_LETTERS: TableShape = {
  table: "dead_letters",
  columns: [
    "tenant",
    "device",
    "function",
    "version",
    "error",
    "error_class",
    "stack",
    "received",
    "source_topic",
    "source_partition",
    "source_offset",
    "timer_name",
    "timer_at",
    "payload",
    ...SOURCE_COLUMNS,
  ],
  monthly: true,
};

export const encodeDeadLetter: RowEncoder = (value, source, { sheets }) => {
  const { data } = deadLetterSchema.safeParse(value);
  if (data === undefined) return false;
  const writer = sheets.writer(DEAD_LETTERS, data.received, 1);
  for (const text of [data.tenant, data.device, data.function]) writer.string(text);
  writer.uint32(data.version);
  for (const text of [data.error, data.errorClass, data.stack]) writer.string(text);
  writer.int64(data.received);
  writer.string(data.source.topic);
  writer.uint16(data.source.partition);
  writer.int64(data.source.offset);
  writer.string(data.timer?.name ?? "");
  const timerAt = data.timer?.at;
  if (writer.nullable(timerAt)) writer.int64(timerAt);
  writer.string(data.payload);
  writeSource(writer, source);
  return true;
};
