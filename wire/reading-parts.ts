import { DEVICE, METRICS, RECEIVED, TENANT, TIME } from "./reading-reader.ts";
import type { EncodedParts, RecordInput } from "../core/record.ts";

const CLOSE = 0x7d;
/** A time has fewer than a safe integer may have. */
const TIME_DIGITS = 15;

/** A record of the log, or an output whose value may lie among others. */
type ReadingRecord = Pick<RecordInput, "key" | "value"> & { readonly encoded?: EncodedParts | undefined };

/**
 * Finds what a reading says of itself in its bytes, without reading its metrics: for who compares bytes first. It knows readings as the stages write
 * nearly all of them. One object reads one record after the other.
 */
export class ReadingParts {
  /** Event time of the record that was found last. */
  ts = 0;
  /** Its receive time. */
  received = 0;
  private bytes: Uint8Array = new Uint8Array();
  private start = 0;
  private end = 0;
  private placeEnd = 0;
  private metricsAt = 0;

  /** False when the value is written otherwise. What the metrics are is not looked at. */
  find(record: ReadingRecord): boolean {
    const { key, encoded } = record;
    if (encoded !== undefined) return this.findAt(key, encoded.bytes, encoded.valueStart, encoded.valueEnd);
    const { value } = record;
    return this.findAt(key, value, 0, value.length);
  }

  private findAt(key: string | null, bytes: Uint8Array, start: number, end: number): boolean {
    if (key === null) return false;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    // Both ids are in the key too, with one sign between them.
    const timeAt = this.behind(start + TENANT.length + key.length - 1 + DEVICE.length, TIME);
    if (timeAt === -1 || !this.isAt(TENANT, start)) return false;
    this.placeEnd = this.digitsEnd(timeAt);
    const receivedAt = this.behind(this.placeEnd, RECEIVED);
    if (receivedAt === -1 || this.placeEnd === timeAt) return false;
    const receivedEnd = this.digitsEnd(receivedAt);
    const membersAt = this.behind(receivedEnd, METRICS);
    if (membersAt === -1 || receivedEnd === receivedAt || bytes[end - 1] !== CLOSE) return false;
    this.metricsAt = membersAt - 1;
    this.ts = this.numberAt(timeAt, this.placeEnd);
    this.received = this.numberAt(receivedAt, receivedEnd);
    return true;
  }

  /** Nothing follows the metrics, which are bytes [metricsStart, metricsEnd) of `buffer`, braces included. */
  get isPlain(): boolean {
    // Only an object ends so: members behind the metrics are numbers and booleans.
    return this.bytes[this.end - 2] === CLOSE && this.metricsAt < this.end - 2;
  }

  get buffer(): Buffer {
    const { bytes } = this;
    return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get metricsStart(): number {
    return this.metricsAt;
  }

  get metricsEnd(): number {
    return this.end - 1;
  }

  /** Tenant, device and event time, as `placeOf` writes them. */
  get place(): string {
    return this.text(this.start, this.placeEnd);
  }

  /** From the metrics' brace on, without the reading's: a byte in each character. */
  get rest(): string {
    return this.text(this.metricsAt, this.end - 1);
  }

  private text(start: number, end: number): string {
    return this.buffer.toString("latin1", start, end);
  }

  /** The place behind these bytes; -1 when others stand there. */
  private behind(at: number, expected: Uint8Array): number {
    const behind = at + expected.length;
    return behind <= this.end && this.isAt(expected, at) ? behind : -1;
  }

  private isAt(expected: Uint8Array, at: number): boolean {
    const { bytes } = this;
    for (let index = 0; index < expected.length; index += 1) if (bytes[at + index] !== expected[index]) return false;
    return true;
  }

  private digitsEnd(start: number): number {
    let at = start;
    while (at - start < TIME_DIGITS && isDigit(this.bytes[at])) at += 1;
    return at;
  }

  private numberAt(start: number, end: number): number {
    let value = 0;
    for (let at = start; at < end; at += 1) value = value * 10 + ((this.bytes[at] ?? 0) - 0x30);
    return value;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** The same of a reading that somebody has read. */
export function placeOf({ tenant, device, ts }: { tenant: string; device: string; ts: number }): string {
  return `{"v":1,"tenant":"${tenant}","device":"${device}","ts":${ts}`;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** How many metrics the `rest` of a reading has. */
export function memberCount(rest: string): number {
  let count = 0;
  let inText = false;
  for (let at = 0; at < rest.length; at += 1) {
    const character = rest.charCodeAt(at);
    if (character === QUOTE) inText = !inText;
    else if (inText) at += character === BACKSLASH ? 1 : 0;
    else if (character === COLON) count += 1;
    // What follows the metrics is none.
    else if (character === CLOSE) return count;
  }
  return count;
}
