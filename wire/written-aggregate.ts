import { NUMBER_BYTES_MAX, putAscii, putNumber, putText, textBytesMax } from "./written-json.ts";
import type { Aggregate } from "../core/derived-records.ts";
import type { WrittenJson } from "./written-json.ts";

const CLOSE = 0x7d;
/** Of all names and signs. */
const FRAME_BYTES = 160;
const NUMBERS = 10;

/** An aggregate that is filled in and written, one after the other, each until the next. */
export class WrittenAggregate implements WrittenJson, Aggregate {
  readonly v = 1;
  tenant = "";
  device = "";
  metric = "";
  start = 0;
  size = 0;
  revision = 0;
  count = 0;
  sum = 0;
  min = 0;
  max = 0;
  mean = 0;
  first = 0;
  last = 0;

  get bytesMax(): number {
    const texts = textBytesMax(this.tenant) + textBytesMax(this.device) + textBytesMax(this.metric);
    return FRAME_BYTES + texts + NUMBERS * NUMBER_BYTES_MAX;
  }

  writeTo(bytes: Buffer, start: number): number {
    let at = putText(bytes, putAscii(bytes, start, '{"v":1,"tenant":'), this.tenant);
    at = putText(bytes, putAscii(bytes, at, ',"device":'), this.device);
    at = putText(bytes, putAscii(bytes, at, ',"metric":'), this.metric);
    at = putNumber(bytes, putAscii(bytes, at, ',"start":'), this.start);
    at = putNumber(bytes, putAscii(bytes, at, ',"size":'), this.size);
    at = putNumber(bytes, putAscii(bytes, at, ',"revision":'), this.revision);
    at = putNumber(bytes, putAscii(bytes, at, ',"count":'), this.count);
    at = putNumber(bytes, putAscii(bytes, at, ',"sum":'), this.sum);
    at = putNumber(bytes, putAscii(bytes, at, ',"min":'), this.min);
    at = putNumber(bytes, putAscii(bytes, at, ',"max":'), this.max);
    at = putNumber(bytes, putAscii(bytes, at, ',"mean":'), this.mean);
    at = putNumber(bytes, putAscii(bytes, at, ',"first":'), this.first);
    at = putNumber(bytes, putAscii(bytes, at, ',"last":'), this.last);
    bytes[at] = CLOSE;
    return at + 1;
  }
}
