import { NUMBER_BYTES, putBytes, putNumber, putText, textBytesMax } from "./written-json.ts";
import type { Aggregate } from "../core/derived-records.ts";
import type { WrittenJson } from "./written-json.ts";

const TENANT = Buffer.from('{"v":1,"tenant":');
const DEVICE = Buffer.from(',"device":');
const METRIC = Buffer.from(',"metric":');
const START = Buffer.from(',"start":');
const SIZE = Buffer.from(',"size":');
const REVISION = Buffer.from(',"revision":');
const COUNT = Buffer.from(',"count":');
const SUM = Buffer.from(',"sum":');
const MIN = Buffer.from(',"min":');
const MAX = Buffer.from(',"max":');
const MEAN = Buffer.from(',"mean":');
const FIRST = Buffer.from(',"first":');
const LAST = Buffer.from(',"last":');
const FRAME = [TENANT, DEVICE, METRIC, START, SIZE, REVISION, COUNT, SUM, MIN, MAX, MEAN, FIRST, LAST];
const FRAME_BYTES = FRAME.reduce((sum, { length }) => sum + length, 1);
const NUMBERS = 10;
const CLOSE = 0x7d;

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
    return FRAME_BYTES + texts + NUMBERS * NUMBER_BYTES;
  }

  writeTo(bytes: Buffer, start: number): number {
    let at = putText(bytes, putBytes(bytes, start, TENANT), this.tenant);
    at = putText(bytes, putBytes(bytes, at, DEVICE), this.device);
    at = putText(bytes, putBytes(bytes, at, METRIC), this.metric);
    at = putNumber(bytes, putBytes(bytes, at, START), this.start);
    at = putNumber(bytes, putBytes(bytes, at, SIZE), this.size);
    at = putNumber(bytes, putBytes(bytes, at, REVISION), this.revision);
    at = putNumber(bytes, putBytes(bytes, at, COUNT), this.count);
    at = putNumber(bytes, putBytes(bytes, at, SUM), this.sum);
    at = putNumber(bytes, putBytes(bytes, at, MIN), this.min);
    at = putNumber(bytes, putBytes(bytes, at, MAX), this.max);
    at = putNumber(bytes, putBytes(bytes, at, MEAN), this.mean);
    at = putNumber(bytes, putBytes(bytes, at, FIRST), this.first);
    at = putNumber(bytes, putBytes(bytes, at, LAST), this.last);
    bytes[at] = CLOSE;
    return at + 1;
  }
}
