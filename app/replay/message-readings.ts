import { isReading } from "../../core/is-reading.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord, type LogRecord } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { MAIN_STAGE } from "../../core/stage.ts";
import { SourceMarks } from "../../engine/source-marks.ts";
import { sliceReader } from "./slice-reader.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { ScanRange } from "../../log/scan-log.ts";

/**
 * What the main stage has made of messages, by the offset of the message in `telemetry`. Reads `readings` as far as it is asked, and forgets
 * what was taken: messages are asked for in their order.
 */
export class MessageReadings {
  private readonly partition: number;
  private readonly slices: ReturnType<typeof sliceReader>;
  /** What was made of messages before it is passed over. */
  private readonly from: number;
  private readonly onRecord: () => void;
  private readonly marks = new SourceMarks();
  private readonly waiting = new Map<number, Reading[]>();
  private isOver = false;
  /** Of the last message of which a reading was found. */
  private foundTo = -1;

  constructor(log: Pick<EventLog, "openReader">, range: ScanRange, from: number, onRecord: () => void) {
    this.from = from;
    this.partition = range.partition;
    this.slices = sliceReader(log, range);
    this.onRecord = onRecord;
  }

  /** Resolves when all readings of messages up to this one are there to be taken. TIMED_OUT when the log stops serving. */
  async readTo(offset: number): Promise<void> {
    while (this.foundTo <= offset && !this.isOver) {
      const next = await this.slices.next();
      this.isOver = next.done === true;
      for (const record of next.value ?? []) this.note(record);
    }
  }

  take(offset: number): readonly Reading[] {
    const found = this.waiting.get(offset) ?? [];
    this.waiting.delete(offset);
    return found;
  }

  async close(): Promise<void> {
    await this.slices.return();
  }

  private note(record: LogRecord): void {
    this.onRecord();
    if (isControlRecord(record)) return;
    const source = parseSourcePosition(record.header(HEADER.source) ?? "");
    // On Kafka records come again after a crash.
    if (source?.stage !== MAIN_STAGE || !this.marks.takeIfNew("readings", this.partition, source)) return;
    const reading = parseJson(record.value);
    if (!isReading(reading) || source.offset < this.from) return;
    this.foundTo = Math.max(this.foundTo, source.offset);
    const known = this.waiting.get(source.offset);
    if (known === undefined) this.waiting.set(source.offset, [reading]);
    else known.push(reading);
  }
}
