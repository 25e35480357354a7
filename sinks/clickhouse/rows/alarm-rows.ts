import { alarmEventSchema } from "../../../core/derived-records.ts";
import { SOURCE_COLUMNS, writeSource, type TableShape } from "../row-sheets.ts";
import type { RowEncoder } from "./row-encoder.ts";

const ALARM_EVENTS: TableShape = {
  table: "alarm_events",
  columns: [
    "tenant",
    "device",
    "id",
    "rule",
    "rule_name",
    "severity",
    "transition",
    "ts",
    "since",
    "received",
    "metric",
    "value",
    "message",
    "reason",
    ...SOURCE_COLUMNS,
  ],
  monthly: true,
};

export const encodeAlarm: RowEncoder = (value, source, { sheets }) => {
  const { data } = alarmEventSchema.safeParse(value);
  if (data === undefined) return false;
  const writer = sheets.writer(ALARM_EVENTS, data.ts, 1);
  for (const text of [data.tenant, data.device, data.id, data.rule, data.ruleName]) writer.string(text);
  writer.string(data.severity);
  writer.string(data.transition);
  for (const time of [data.ts, data.since, data.received]) writer.int64(time);
  writer.string(data.metric ?? "");
  if (writer.nullable(data.value)) writer.float64(data.value);
  writer.string(data.message);
  writer.string(data.reason ?? "");
  writeSource(writer, source);
  return true;
};
