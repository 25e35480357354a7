import { HEADER } from "../core/record.ts";
import { packText } from "./packed-headers.ts";
import { writeText } from "./record-batch-writer.ts";
import { readHeaders } from "./record-batch-reader.ts";
import { writeVarint } from "./varint.ts";
import type { EncodedParts, Header, RecordInput } from "../core/record.ts";

/** What a derived record is made of, besides its key and time. */
export interface DerivedRecord {
  readonly timestamp: number;
  readonly key: string | null;
  /** The value. */
  readonly json: string;
  /** Values of headers: see HEADER. */
  readonly source: string;
  readonly functionVersion: string;
  readonly controlKind?: string;
}

/** A buffer holds several records; one that is larger has its own. The first is small: most partitions of an idle installation have nothing to write. */
const FIRST_BUFFER_BYTES = 4 * 1024;
const BUFFER_BYTES = 64 * 1024;
/** Of the headers' names and lengths. */
const HEADER_NAMES_BYTES = 64;
/** So many functions a stage has at a time, or more; a few bytes each. */
const TEXTS_REMEMBERED = 256;
const SOURCE_NAME = packText(HEADER.source);
const VERSION_NAME = packText(HEADER.functionVersion);
const KIND_NAME = packText(HEADER.controlKind);

/**
 * Writes derived records down as record batches have them, one after the other. Thousands wait for the end of their unit at a time: as bytes they
 * cost the collector of garbage next to nothing.
 */
export class RecordEncoder {
  private buffer = Buffer.alloc(0);
  private length = 0;
  private readonly packed = new Map<string, Buffer>();

  encode(record: DerivedRecord): EncodedRecord {
    const { json, source, functionVersion, controlKind } = record;
    const names = HEADER_NAMES_BYTES + (source.length + functionVersion.length + (controlKind?.length ?? 0)) * 3;
    this.reserve(json.length * 3 + names);
    const { buffer, length } = this;
    const valueEnd = length + buffer.write(json, length, "utf8");
    let at = writeVarint(buffer, valueEnd, controlKind === undefined ? 2 : 3);
    at = writeText(buffer, copy(SOURCE_NAME, buffer, at), source);
    at = copy(this.textOf(functionVersion), buffer, copy(VERSION_NAME, buffer, at));
    if (controlKind !== undefined) at = copy(this.textOf(controlKind), buffer, copy(KIND_NAME, buffer, at));
    this.length = at;
    return new EncodedRecord(record.timestamp, record.key, buffer, { valueStart: length, valueEnd, headersEnd: at });
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    // What lies in the one before is kept by its records.
    const next = this.buffer.length === 0 ? FIRST_BUFFER_BYTES : Math.min(this.buffer.length * 2, BUFFER_BYTES);
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bytes, next));
    this.length = 0;
  }

  private textOf(text: string): Buffer {
    const known = this.packed.get(text);
    if (known !== undefined) return known;
    const made = packText(text);
    if (this.packed.size >= TEXTS_REMEMBERED) this.packed.clear();
    this.packed.set(text, made);
    return made;
  }
}

/** A record in bytes. Value and headers are made of them when somebody asks. */
export class EncodedRecord implements RecordInput, EncodedParts {
  readonly timestamp: number;
  readonly key: string | null;
  readonly bytes: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headersEnd: number;

  constructor(timestamp: number, key: string | null, bytes: Buffer, places: Omit<EncodedParts, "bytes">) {
    this.timestamp = timestamp;
    this.key = key;
    this.bytes = bytes;
    this.valueStart = places.valueStart;
    this.valueEnd = places.valueEnd;
    this.headersEnd = places.headersEnd;
  }

  get encoded(): EncodedParts {
    return this;
  }

  get value(): Uint8Array {
    return this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  get headers(): readonly Header[] {
    return readHeaders(this.bytes, this.valueEnd, this.headersEnd);
  }
}

/** Short ones, which a loop copies faster than a call. */
function copy(from: Buffer, to: Buffer, at: number): number {
  for (let index = 0; index < from.length; index += 1) to[at + index] = from[index] ?? 0;
  return at + from.length;
}
