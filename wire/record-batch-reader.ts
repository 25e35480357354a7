import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checksum } from "./record-batch-checksum.ts";
import { expandRecords } from "./record-batch-compression.ts";
import {
  BATCH,
  BATCH_APPEND_TIME,
  BATCH_CODEC_MASK,
  BATCH_LENGTH_BASE,
  BATCH_MAGIC,
  readInt64,
  RECORD_BYTES_MIN,
} from "./record-batch-layout.ts";
import { packText } from "./packed-headers.ts";
import { VarintReader } from "./varint.ts";
import type { EncodedParts, Header, LogRecord } from "../core/record.ts";

export interface RecordBatch {
  readonly baseOffset: number;
  /** The offset after the last record. */
  readonly nextOffset: number;
  readonly maxTimestamp: number;
  /** Of the records, when they are not compressed (any more). */
  readonly recordBytes: number;
  readonly records: readonly LogRecord[];
}

/**
 * Checks and decodes the one batch that `bytes` is. The records are views: they hold `bytes` in memory, or what it expands to, and nothing
 * may write to it any more. Headers become text when they are asked for. BATCH_CORRUPT for whatever is not a whole batch with the right
 * crc; BATCH_TOO_LARGE and BATCH_UNSUPPORTED for compressed ones that are not expanded, the former beyond `expandedBytesMax`.
 */
export function decodeRecordBatch(
  bytes: Uint8Array,
  expandedBytesMax: number = LIMITS.expandedBatchBytesMax,
): RecordBatch {
  const batch = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  checkFrame(batch);
  const baseOffset = readInt64(batch, BATCH.baseOffset);
  const baseTimestamp = readInt64(batch, BATCH.baseTimestamp);
  const maxTimestamp = readInt64(batch, BATCH.maxTimestamp);
  const lastDelta = batch.readInt32BE(BATCH.lastOffsetDelta);
  const count = batch.readInt32BE(BATCH.recordCount);
  const plain = plainRecords(batch, expandedBytesMax);
  const safe = Number.isSafeInteger(baseOffset) && Number.isSafeInteger(baseTimestamp);
  if (!safe || baseOffset < 0 || count < 1 || count > plain.length / RECORD_BYTES_MIN || lastDelta < count - 1) {
    throw new MillraceError("BATCH_CORRUPT", "a batch header contradicts itself");
  }
  const isDatedByBroker = (batch.readInt16BE(BATCH.attributes) & BATCH_APPEND_TIME) !== 0;
  const appended = isDatedByBroker ? maxTimestamp : null;
  const records = decodeRecords({ plain, baseOffset, baseTimestamp, appended, count, lastDelta });
  return { baseOffset, nextOffset: baseOffset + lastDelta + 1, maxTimestamp, recordBytes: plain.length, records };
}

/**
 * The keys of the records, without making anything else of them, which takes a fraction of the time. Null when a record may have a header
 * of this name: then only decoding tells. Errors as `decodeRecordBatch` has them, but of the records nothing is checked except that they fit.
 */
export function recordKeys(bytes: Uint8Array, withoutHeader: string): readonly (string | null)[] | null {
  const batch = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  checkFrame(batch);
  const plain = plainRecords(batch, LIMITS.expandedBatchBytesMax);
  if (plain.includes(packText(withoutHeader))) return null;
  const reader = new VarintReader(plain, 0, plain.length);
  const interner = new KeyInterner(plain);
  const keys: (string | null)[] = [];
  while (reader.at < plain.length) {
    const length = reader.readVarint();
    const start = reader.skip(length);
    reader.at = start + 1;
    reader.readVarlong();
    reader.readVarint();
    const keyLength = reader.readVarint();
    keys.push(keyLength === -1 ? null : interner.text(reader.skip(keyLength), keyLength));
    reader.at = start + length;
  }
  return keys;
}

function plainRecords(batch: Buffer, expandedBytesMax: number): Buffer {
  const records = batch.subarray(BATCH.records);
  const codec = batch.readInt16BE(BATCH.attributes) & BATCH_CODEC_MASK;
  return codec === 0 ? records : expandRecords(codec, records, expandedBytesMax);
}

const KNOWN_ATTRIBUTES = BATCH_CODEC_MASK | BATCH_APPEND_TIME;

function checkFrame(batch: Buffer): void {
  if (batch.length < BATCH.records + RECORD_BYTES_MIN) throw new MillraceError("BATCH_CORRUPT", "a batch is cut short");
  if (batch.readInt32BE(BATCH.length) !== batch.length - BATCH_LENGTH_BASE) {
    throw new MillraceError("BATCH_CORRUPT", "a batch's length is not that of its bytes");
  }
  if (batch[BATCH.magic] !== BATCH_MAGIC || (batch.readInt16BE(BATCH.attributes) & ~KNOWN_ATTRIBUTES) !== 0) {
    // Attributes would announce a transaction: nothing of ours is in one.
    throw new MillraceError("BATCH_CORRUPT", "a batch is of a kind that is not written here");
  }
  if (batch.readUInt32BE(BATCH.crc) !== checksum(batch.subarray(BATCH.attributes))) {
    throw new MillraceError("BATCH_CORRUPT", "a batch fails its checksum");
  }
}

interface BatchFrame {
  readonly plain: Buffer;
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** Of all records, where the broker dates them; else null. */
  readonly appended: number | null;
  readonly count: number;
  readonly lastDelta: number;
}

function decodeRecords({ plain, baseOffset, baseTimestamp, appended, count, lastDelta }: BatchFrame): LogRecord[] {
  const reader = new VarintReader(plain, 0, plain.length);
  const keys = new KeyInterner(plain);
  const records: LogRecord[] = [];
  let previousDelta = -1;
  for (let index = 0; index < count; index++) {
    reader.end = plain.length;
    const length = reader.readVarint();
    const end = reader.skip(length) + length;
    reader.at = end - length;
    reader.end = end;
    reader.skip(1);
    const timestampDelta = reader.readVarlong();
    const timestamp = appended ?? baseTimestamp + timestampDelta;
    const delta = reader.readVarint();
    const keyLength = reader.readVarint();
    const key = keyLength === -1 ? null : keys.text(reader.skip(keyLength), keyLength);
    const valueLength = reader.readVarint();
    // A null value is a tombstone to Kafka; nothing here writes one, and to readers it is an empty value.
    const valueStart = valueLength === -1 ? reader.at : reader.skip(valueLength);
    const valueEnd = reader.at;
    skipHeaders(reader);
    if (reader.at !== end || delta <= previousDelta || delta > lastDelta) {
      throw new MillraceError("BATCH_CORRUPT", "a record does not fit its batch");
    }
    previousDelta = delta;
    records.push(new BatchRecord(baseOffset + delta, timestamp, key, { bytes: plain, valueStart, valueEnd, end }));
  }
  if (reader.at !== plain.length) throw new MillraceError("BATCH_CORRUPT", "bytes follow the last record of a batch");
  return records;
}

function skipHeaders(reader: VarintReader): void {
  const count = reader.readVarint();
  // Each header takes two bytes at least: a count that lies is found at once.
  if (count < 0 || count * 2 > reader.end - reader.at) {
    throw new MillraceError("BATCH_CORRUPT", `a record of this size cannot hold ${count} headers`);
  }
  for (let index = 0; index < count; index++) {
    reader.skip(reader.readVarint());
    const valueLength = reader.readVarint();
    if (valueLength !== -1) reader.skip(valueLength);
  }
}

/** It is its own `encoded`: what stands there of value and headers. */
class BatchRecord implements LogRecord, EncodedParts {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly bytes: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headersEnd: number;
  /** Made when somebody asks: half of those who read a record want its key, its time or its headers alone. */
  private view: Uint8Array | null = null;

  constructor(
    offset: number,
    timestamp: number,
    key: string | null,
    parts: { readonly bytes: Buffer; readonly valueStart: number; readonly valueEnd: number; readonly end: number },
  ) {
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.bytes = parts.bytes;
    this.valueStart = parts.valueStart;
    this.valueEnd = parts.valueEnd;
    this.headersEnd = parts.end;
  }

  get encoded(): EncodedParts {
    return this;
  }

  get value(): Uint8Array {
    const { bytes, valueStart, valueEnd } = this;
    return (this.view ??= new Uint8Array(bytes.buffer, bytes.byteOffset + valueStart, valueEnd - valueStart));
  }

  header(name: string): string | undefined {
    const reader = new VarintReader(this.bytes, this.valueEnd, this.headersEnd);
    const length = this.findHeader(reader, name);
    return length === -1 ? undefined : textAt(this.bytes, reader.at - length, length);
  }

  headerBegins(name: string, text: string): boolean {
    const reader = new VarintReader(this.bytes, this.valueEnd, this.headersEnd);
    const length = this.findHeader(reader, name);
    return length >= text.length && isTextAt(this.bytes, reader.at - length, text.length, text);
  }

  /** Moves the reader behind the header's value, whose length it returns; -1 when there is none. */
  private findHeader(reader: VarintReader, name: string): number {
    const wanted = isAscii(name) ? name.length : Buffer.byteLength(name);
    for (let left = reader.readVarint(); left > 0; left--) {
      const nameLength = reader.readVarint();
      const nameAt = reader.skip(nameLength);
      const valueLength = Math.max(reader.readVarint(), 0);
      reader.skip(valueLength);
      if (nameLength === wanted && isTextAt(this.bytes, nameAt, nameLength, name)) return valueLength;
    }
    return -1;
  }

  headers(): readonly Header[] {
    return readHeaders(this.bytes, this.valueEnd, this.headersEnd);
  }
}

/** Whether there is a header of this name that begins with this text, of ASCII; without making a text of it where it lies in bytes. */
export function headerBegins(record: Pick<LogRecord, "header">, name: string, text: string): boolean {
  if (record instanceof BatchRecord) return record.headerBegins(name, text);
  return record.header(name)?.startsWith(text) === true;
}

/** The headers that begin there, behind their number. */
export function readHeaders(bytes: Buffer, at: number, end: number): Header[] {
  const reader = new VarintReader(bytes, at, end);
  const headers: Header[] = [];
  for (let left = reader.readVarint(); left > 0; left--) {
    const nameLength = reader.readVarint();
    const name = textAt(bytes, reader.skip(nameLength), nameLength);
    const valueLength = Math.max(reader.readVarint(), 0);
    headers.push([name, textAt(bytes, reader.skip(valueLength), valueLength)]);
  }
  return headers;
}

/** Few keys come many times in a batch: equal bytes give the same string, made once. */
class KeyInterner {
  private readonly batch: Buffer;
  private readonly byHash = new Map<number, string>();

  constructor(batch: Buffer) {
    this.batch = batch;
  }

  text(at: number, length: number): string {
    let hash = length;
    for (let index = at; index < at + length; index++) hash = (Math.imul(hash, 31) + (this.batch[index] ?? 0)) | 0;
    const known = this.byHash.get(hash);
    if (known?.length === length && isTextAt(this.batch, at, length, known)) return known;
    const text = textAt(this.batch, at, length);
    this.byHash.set(hash, text);
    return text;
  }
}

function textAt(batch: Buffer, at: number, length: number): string {
  return length === 0 ? "" : batch.toString("utf8", at, at + length);
}

/** True when the bytes are this text; `length` is the text's length in UTF-8. */
function isTextAt(batch: Buffer, at: number, length: number, text: string): boolean {
  if (text.length !== length) return textAt(batch, at, length) === text;
  for (let index = 0; index < length; index++) {
    if (batch[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
