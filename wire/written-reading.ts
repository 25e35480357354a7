import { NUMBER_BYTES, putBytes, putNumber, putText, textBytesMax } from "./written-json.ts";
import type { Reading } from "../core/derived-records.ts";
import type { ObjectBytes } from "./same-members.ts";
import type { WrittenJson } from "./written-json.ts";

const TENANT = Buffer.from('{"v":1,"tenant":');
const DEVICE = Buffer.from(',"device":');
const TIME = Buffer.from(',"ts":');
const RECEIVED = Buffer.from(',"received":');
const TIME_FROM_RECEIVE = Buffer.from(',"tsFromReceive":true');
const METRICS = Buffer.from(',"metrics":');
const FRAME = [TENANT, DEVICE, TIME, RECEIVED, TIME_FROM_RECEIVE, METRICS];
const FRAME_BYTES = FRAME.reduce((sum, { length }) => sum + length, 1);
const CLOSE = 0x7d;

/**
 * A reading of which the metrics came as the bytes that they are to be: they are copied, where an object's would be printed digit by digit. One object
 * stands for one reading after the other, each until the next.
 */
export class WrittenReading implements WrittenJson {
  private reading: Reading | null = null;
  private metrics: ObjectBytes = { bytes: new Uint8Array(), start: 0, end: 0 };

  /** `metrics`: with their braces, exactly what JSON.stringify makes of those of the reading. */
  of(reading: Reading, metrics: ObjectBytes): this {
    this.reading = reading;
    this.metrics = metrics;
    return this;
  }

  get bytesMax(): number {
    const { reading, metrics } = this;
    const ids = textBytesMax(reading?.tenant ?? "") + textBytesMax(reading?.device ?? "");
    return FRAME_BYTES + ids + 2 * NUMBER_BYTES + metrics.end - metrics.start;
  }

  writeTo(bytes: Buffer, start: number): number {
    const { reading } = this;
    if (reading === null) throw new TypeError("there is no reading to write");
    let at = putText(bytes, putBytes(bytes, start, TENANT), reading.tenant);
    at = putText(bytes, putBytes(bytes, at, DEVICE), reading.device);
    at = putNumber(bytes, putBytes(bytes, at, TIME), reading.ts);
    at = putNumber(bytes, putBytes(bytes, at, RECEIVED), reading.received);
    if (reading.tsFromReceive === true) at = putBytes(bytes, at, TIME_FROM_RECEIVE);
    at = putBytes(bytes, at, METRICS);
    const { bytes: from, start: first, end } = this.metrics;
    bytes.set(from.subarray(first, end), at);
    at += end - first;
    bytes[at] = CLOSE;
    return at + 1;
  }
}
