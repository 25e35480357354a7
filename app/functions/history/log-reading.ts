import { parseDeviceKey } from "../../../core/ids.ts";
import { HEADER, isControlRecord } from "../../../core/record.ts";
import { MAIN_STAGE } from "../../../core/stage.ts";
import { ReadingParts } from "../../../wire/reading-parts.ts";
import { readReading } from "../../../wire/reading-reader.ts";
import { headerBegins } from "../../../wire/record-batch-reader.ts";
import type { Reading } from "../../../core/derived-records.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { PastReading, TimeRange } from "./reading-history.ts";

const OF_MAIN_STAGE = `${MAIN_STAGE} `;

/** Records are looked at one after the other. */
const parts = new ReadingParts();

/** A reading of a log, whose metrics are read when somebody asks: who runs it reads them himself, and much is compared by its bytes. */
class LogReading implements PastReading {
  readonly partition: number;
  readonly record: LogRecord;
  readonly maker: string | null;
  private readonly ts: number;

  constructor(partition: number, record: LogRecord, ts: number) {
    this.partition = partition;
    this.record = record;
    this.maker = makerOf(record);
    this.ts = ts;
  }

  get reading(): Reading {
    const { record, ts } = this;
    // Metrics that are none are of no use to anybody; no stage writes such.
    const { tenant, device } = parseDeviceKey(record.key ?? "") ?? { tenant: "", device: "" };
    return readReading(record) ?? { v: 1, tenant, device, ts, received: record.timestamp, metrics: {} };
  }
}

/** Null of what is no reading, and of one outside the range. */
export function logReading(record: LogRecord, partition: number, { from, to }: TimeRange): PastReading | null {
  if (isControlRecord(record)) return null;
  const ts = parts.find(record) ? parts.ts : readReading(record)?.ts;
  return ts === undefined || ts < from || ts >= to ? null : new LogReading(partition, record, ts);
}

/** The source position; that of some record of the main stage where there is none. */
export function sourceOf(record: LogRecord): string {
  return record.header(HEADER.source) ?? OF_MAIN_STAGE;
}

function makerOf(record: LogRecord): string | null {
  if (headerBegins(record, HEADER.source, OF_MAIN_STAGE) || sourceOf(record) === OF_MAIN_STAGE) return null;
  return record.header(HEADER.functionVersion)?.split("@", 1)[0] ?? "";
}
