import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { MAIN_STAGE } from "../../core/stage.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { erasureOf } from "../../sinks/clickhouse/erased-devices.ts";
import { scanLog, type ScanRange } from "../../log/scan-log.ts";
import { readReading } from "../../wire/reading-reader.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { ErasedDevices, Erasure } from "../../sinks/clickhouse/erased-devices.ts";

/** Adds one to `counts` for every message (not control record) of the ranges, by key. */
export async function countMessages(
  log: EventLog,
  ranges: readonly ScanRange[],
  counts: Map<string, number>,
): Promise<void> {
  await scanLog(log, ranges, (record) => {
    if (record.key !== null && !isControlRecord(record)) counts.set(record.key, (counts.get(record.key) ?? 0) + 1);
  });
}

/** The removals in the ranges of `device-events`. */
export async function collectErasures(log: EventLog, ranges: readonly ScanRange[]): Promise<readonly Erasure[]> {
  const erasures: Erasure[] = [];
  await scanLog(log, ranges, (record) => {
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    const erasure = source === null ? null : erasureOf("device-events", parseJson(record.value), source);
    if (erasure !== null) erasures.push(erasure);
  });
  return erasures;
}

/**
 * Metric values in the readings of the ranges that were made of records before `bounds[partition]`, without those of the devices in
 * `erased`.
 */
export async function countValues(
  log: EventLog,
  ranges: readonly ScanRange[],
  erased: ErasedDevices,
  bounds: readonly number[],
): Promise<number> {
  let values = 0;
  await scanLog(log, ranges, (record) => {
    if (isControlRecord(record)) return;
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    // What users' functions make is no part of what devices have sent.
    if (
      source === null ||
      source.stage !== MAIN_STAGE ||
      source.offset >= (bounds[source.partition] ?? 0) ||
      erased.covers(record.key, source)
    )
      return;
    const reading = readReading(record);
    if (reading !== null) values += Object.keys(reading.metrics).length;
  });
  return values;
}
