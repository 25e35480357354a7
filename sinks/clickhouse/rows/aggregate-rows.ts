import { aggregateSchema } from "../../../core/derived-records.ts";
import { SOURCE_COLUMNS, writeSource, type TableShape } from "../row-sheets.ts";
import type { RowEncoder } from "./row-encoder.ts";

const STATISTICS = ["sum", "min", "max", "mean", "first", "last"] as const;

const AGGREGATES: TableShape = {
  table: "aggregates",
  columns: ["tenant", "device", "metric", "size_ms", "start", "revision", "count", ...STATISTICS, ...SOURCE_COLUMNS],
  monthly: true,
};

export const encodeAggregate: RowEncoder = (value, source, { sheets }) => {
  const { data } = aggregateSchema.safeParse(value);
  if (data === undefined) return false;
  const writer = sheets.writer(AGGREGATES, data.start, 1);
  writer.string(data.tenant);
  writer.string(data.device);
  writer.string(data.metric);
  writer.int64(data.size);
  writer.int64(data.start);
  writer.uint32(data.revision);
  writer.int64(data.count);
  for (const name of STATISTICS) writer.float64(data[name]);
  writeSource(writer, source);
  return true;
};
