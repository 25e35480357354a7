import { HEADER } from "../core/record.ts";
import { packText } from "./packed-headers.ts";
import { readHeaders } from "./record-batch-reader.ts";
import { writeVarint } from "./varint.ts";
import { putBytes } from "./written-json.ts";
import type { EncodedParts, Header, RecordInput } from "../core/record.ts";
import type { StepSource } from "./step-source.ts";
import type { WrittenJson } from "./written-json.ts";

/** What one derived record is made of, besides its source. */
export interface DerivedRecord {
  readonly timestamp: number;
  /** Null for a control record of the whole partition. */
  readonly key: string | null;
  /** The value. */
  readonly json: string | WrittenJson;
  /** `name@version`. */
  readonly functionVersion: string;
  /** Present on control records only. */
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
 * Derived records, written down as record batches have them, one after the other. Thousands wait for the end of their unit at a time: as bytes, and
 * numbers side by side in arrays that never shrink, they cost the collector of garbage next to nothing.
 */
export class EncodedRecords {
  length = 0;
  private readonly timestamps: number[] = [];
  private readonly keys: (string | null)[] = [];
  private readonly buffers: (Buffer | null)[] = [];
  /** Of each record three: where its value begins and ends, and where its headers end. */
  private readonly places: number[] = [];
  private buffer = Buffer.alloc(0);
  private used = 0;
  private readonly packed = new Map<string, Buffer>();

  /** Returns how many bytes its value takes. `index`: among the outputs of its step. */
  append(record: DerivedRecord, source: StepSource, index: number): number {
    const { timestamp, key, json, functionVersion, controlKind } = record;
    const texts = (functionVersion.length + (controlKind?.length ?? 0)) * 3;
    const valueBytesMax = typeof json === "string" ? json.length * 3 : json.bytesMax;
    this.reserve(valueBytesMax + HEADER_NAMES_BYTES + source.bytesMax + texts);
    const { buffer, used: valueStart, length } = this;
    const valueEnd =
      typeof json === "string" ? valueStart + buffer.write(json, valueStart, "utf8") : json.writeTo(buffer, valueStart);
    let at = writeVarint(buffer, valueEnd, controlKind === undefined ? 2 : 3);
    at = source.writeTo(buffer, putBytes(buffer, at, SOURCE_NAME), index);
    at = putBytes(buffer, putBytes(buffer, at, VERSION_NAME), this.textOf(functionVersion));
    if (controlKind !== undefined) at = putBytes(buffer, putBytes(buffer, at, KIND_NAME), this.textOf(controlKind));
    this.used = at;
    this.timestamps[length] = timestamp;
    this.keys[length] = key;
    this.buffers[length] = buffer;
    const { places } = this;
    places[length * 3] = valueStart;
    places[length * 3 + 1] = valueEnd;
    places[length * 3 + 2] = at;
    this.length = length + 1;
    return valueEnd - valueStart;
  }

  at(index: number): EncodedRecord {
    const buffer = this.buffers[index];
    if (index >= this.length || buffer == null) throw new RangeError(`no record ${index} of ${this.length}`);
    const { places: all } = this;
    const first = index * 3;
    const places = { valueStart: all[first] ?? 0, valueEnd: all[first + 1] ?? 0, headersEnd: all[first + 2] ?? 0 };
    return new EncodedRecord(this.timestamps[index] ?? 0, this.keys[index] ?? null, buffer, places);
  }

  /** What was appended last is none of them any more. */
  takeLast(): void {
    this.length -= 1;
    // What a step made that was undone may be far more than any unit holds.
    this.buffers[this.length] = null;
  }

  /** None is left. Those that `at` has given stay as they are. */
  clear(): void {
    this.buffers.fill(null, 0, this.length);
    this.length = 0;
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    // What lies in the one before is kept by its records.
    const next = this.buffer.length === 0 ? FIRST_BUFFER_BYTES : Math.min(this.buffer.length * 2, BUFFER_BYTES);
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bytes, next));
    this.used = 0;
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
