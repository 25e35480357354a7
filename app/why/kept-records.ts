import { MillraceError } from "../../core/errors.ts";
import { madeRecord } from "../../core/made-record.ts";
import type { LogRecord } from "../../core/record.ts";

/** Records that are kept for longer than a poll: copies, since each record as read holds the bytes of its whole batch. */
export class KeptRecords {
  readonly records: LogRecord[] = [];
  private readonly bytesMax: number;
  private bytes = 0;

  /** `bytesMax`: of values and headers. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** LIMIT_EXCEEDED. */
  add(record: LogRecord): void {
    const { offset, timestamp, key, value } = record;
    const headers = record.headers();
    this.bytes += headers.reduce((sum, [name, text]) => sum + name.length + text.length, value.length);
    if (this.bytes > this.bytesMax) {
      throw new MillraceError("LIMIT_EXCEEDED", `its messages have more than ${this.bytesMax} bytes`, {
        remedy: "Ask for an output of a shorter window, or of an alarm whose condition held for less long.",
      });
    }
    this.records.push(madeRecord({ offset, timestamp, key, value: new Uint8Array(value), headers }));
  }
}
