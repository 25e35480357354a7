import { aggregateSchema, alarmEventSchema, readingSchema } from "../../core/derived-records.ts";
import { HEADER, isControlRecord, type LogRecord } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { createSourceFilter, visitTopic } from "../support/log-dump.ts";
import { alarmLine, windowLine } from "./oracle-lines.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { OracleMessage, OracleReading } from "../support/oracle-timeline.ts";

/** What stands in the log, read as a stranger would. */
export interface LogContents {
  /** Numbers of every device's messages in the order in which the log first has them. */
  readonly admitted: ReadonlyMap<string, readonly number[]>;
  /** How many readings there are of `device n`, without those that a reader drops. */
  readonly readings: ReadonlyMap<string, number>;
  /** Metric values in those readings. */
  readonly values: number;
  /** What the oracles are given: every partition of `telemetry` in its order, with the readings that were made of it. */
  readonly partitions: readonly (readonly OracleMessage[])[];
  /** The last revision of every window, and every transition, as lines. */
  readonly windows: readonly string[];
  readonly alarms: readonly string[];
}

export async function readLog(log: EventLog): Promise<LogContents> {
  const { bySource, readings, values } = await readReadings(log);
  const { admitted, partitions } = await readTelemetry(log, bySource);
  return { admitted, readings, values, partitions, windows: await readWindows(log), alarms: await readAlarms(log) };
}

async function readReadings(log: EventLog) {
  /** By `partition offset` of the message. */
  const bySource = new Map<string, OracleReading[]>();
  const readings = new Map<string, number>();
  let values = 0;
  await visitNew(log, "readings", (record) => {
    const { device, ts, metrics } = readingSchema.parse(parsed(record));
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    const place = `${source?.partition} ${source?.offset}`;
    bySource.set(place, [...(bySource.get(place) ?? []), { ts, values: metrics }]);
    const key = `${device} ${String(metrics["n"])}`;
    readings.set(key, (readings.get(key) ?? 0) + 1);
    values += Object.keys(metrics).length;
  });
  return { bySource, readings, values };
}

async function readTelemetry(log: EventLog, bySource: ReadonlyMap<string, readonly OracleReading[]>) {
  const admitted = new Map<string, number[]>();
  const seen = new Set<string>();
  const partitions: OracleMessage[][] = Array.from({ length: log.partitionCount }, () => []);
  await visitTopic(log, "telemetry", (record, partition) => {
    const received = record.timestamp;
    const messages = partitions[partition];
    if (isControlRecord(record)) {
      if (record.header(HEADER.controlKind) === "alarm-rule" && messages?.some(({ device }) => device !== null))
        throw new Error(`partition ${partition} has messages from before its alarm rule`);
      messages?.push({ device: null, received, readings: [] });
      return;
    }
    const { values }: { values: { n: number } } = JSON.parse(text(record));
    const device = record.header(HEADER.clientId) ?? "";
    messages?.push({ device, received, readings: bySource.get(`${partition} ${record.offset}`) ?? [] });
    if (seen.has(`${device} ${values.n}`)) return;
    seen.add(`${device} ${values.n}`);
    admitted.set(device, [...(admitted.get(device) ?? []), values.n]);
  });
  return { admitted, partitions };
}

async function readWindows(log: EventLog): Promise<string[]> {
  const last = new Map<string, { readonly revision: number; readonly line: string }>();
  await visitNew(log, "aggregates", (record) => {
    const { device, metric, size, start, ...window } = aggregateSchema.parse(parsed(record));
    const key = `${device} ${metric} ${size} ${start}`;
    if ((last.get(key)?.revision ?? -1) >= window.revision) return;
    last.set(key, { revision: window.revision, line: windowLine(key, window) });
  });
  return [...last.values()].map(({ line }) => line);
}

async function readAlarms(log: EventLog): Promise<string[]> {
  const lines: string[] = [];
  await visitNew(log, "alarms", (record) => {
    const { value, ...event } = alarmEventSchema.parse(parsed(record));
    lines.push(alarmLine({ ...event, value: value ?? null }));
  });
  return lines;
}

function visitNew(
  log: EventLog,
  topic: "readings" | "aggregates" | "alarms",
  visit: (record: LogRecord) => void,
): Promise<void> {
  const isNew = createSourceFilter();
  return visitTopic(log, topic, (record) => {
    // A flush is passed on behind the readings that it is to be behind.
    if (isNew(record) && !isControlRecord(record)) visit(record);
  });
}

function parsed(record: LogRecord): unknown {
  return JSON.parse(text(record));
}

function text({ value }: LogRecord): string {
  return new TextDecoder().decode(value);
}
