import { deviceKey } from "../core/ids.ts";
import { readMetrics, readReading } from "./reading-reader.ts";
import { ReadingParts } from "./reading-parts.ts";
import type { Metrics } from "./reading-reader.ts";
import type { ObjectBytes } from "./same-members.ts";
import type { LogRecord } from "../core/record.ts";

/** Metrics as bytes, with their braces, and the times of their reading, UTC ms. */
export interface DatedMetrics extends ObjectBytes {
  readonly ts: number;
  readonly received: number;
  readonly bytes: Buffer;
}

/**
 * What a reading says of itself, and where its metrics stand, which nobody has looked at yet: for who follows every reading and is asked for
 * few of them. One object reads one record after the other, and what it has read holds until the next.
 */
export class ReadingHead implements DatedMetrics {
  /** Event time, UTC ms. */
  ts = 0;
  /** Receive time, UTC ms. */
  received = 0;
  /** `ts` is the receive time: the device sent none. */
  tsFromReceive = false;
  /** It corrects another one. */
  isRevision = false;
  /** The metrics, with their braces, are bytes [start, end) of this. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  private readonly parts = new ReadingParts();

  /** Of whom it is: the record's own key, nearly always. */
  key = "";

  /** False when the record's value is no reading. True says of the metrics only that they are in braces: `readMetrics` tells more. */
  read(record: Pick<LogRecord, "key" | "value" | "encoded">): boolean {
    const { parts } = this;
    if (!parts.find(record) || !parts.isPlain) return this.parse(record);
    this.key = record.key ?? "";
    this.ts = parts.ts;
    this.received = parts.received;
    this.tsFromReceive = false;
    this.isRevision = false;
    this.bytes = parts.buffer;
    this.start = parts.metricsStart;
    this.end = parts.metricsEnd;
    return true;
  }

  metrics(): Metrics | null {
    return readMetrics(this.bytes.subarray(this.start, this.end));
  }

  private parse(record: Pick<LogRecord, "key" | "value">): boolean {
    const reading = readReading(record);
    if (reading === null) return false;
    this.key = record.key ?? deviceKey(reading.tenant, reading.device);
    this.ts = reading.ts;
    this.received = reading.received;
    this.tsFromReceive = reading.tsFromReceive === true;
    this.isRevision = reading.revision !== undefined;
    this.bytes = Buffer.from(JSON.stringify(reading.metrics));
    this.start = 0;
    this.end = this.bytes.length;
    return true;
  }
}
