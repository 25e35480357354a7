import { NUMBER_BYTES_MAX, putAscii, putNumber, putText, textBytesMax } from "./written-json.ts";
import type { Reading } from "../core/derived-records.ts";
import type { ObjectBytes } from "./same-members.ts";
import type { WrittenJson } from "./written-json.ts";

/** Up to so many a loop copies faster than a call. */
const SHORT_BYTES = 256;
const CLOSE = 0x7d;
/** Of all names and signs. */
const FRAME_BYTES = 96;

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
    return FRAME_BYTES + ids + 2 * NUMBER_BYTES_MAX + metrics.end - metrics.start;
  }

  writeTo(bytes: Buffer, start: number): number {
    const { reading } = this;
    if (reading === null) throw new TypeError("there is no reading to write");
    let at = putText(bytes, putAscii(bytes, start, '{"v":1,"tenant":'), reading.tenant);
    at = putText(bytes, putAscii(bytes, at, ',"device":'), reading.device);
    at = putNumber(bytes, putAscii(bytes, at, ',"ts":'), reading.ts);
    at = putNumber(bytes, putAscii(bytes, at, ',"received":'), reading.received);
    if (reading.tsFromReceive === true) at = putAscii(bytes, at, ',"tsFromReceive":true');
    at = copyOf(this.metrics, bytes, putAscii(bytes, at, ',"metrics":'));
    bytes[at] = CLOSE;
    return at + 1;
  }
}

function copyOf({ bytes: from, start, end }: ObjectBytes, to: Buffer, at: number): number {
  if (end - start > SHORT_BYTES) to.set(from.subarray(start, end), at);
  else for (let index = start; index < end; index += 1) to[at + index - start] = from[index] ?? 0;
  return at + end - start;
}
