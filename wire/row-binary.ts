const INITIAL_BYTES = 64 * 1024;
/** Up to here a string of UTF-16 units surely has a one-byte length prefix: 42 units are at most 126 bytes of UTF-8. */
const SHORT_UNITS_MAX = 42;
const TWO_32 = 2 ** 32;

/**
 * Writes ClickHouse's RowBinary: values of a row one after the other, little-endian, nothing between them. The caller knows the
 * column types. Int64 goes as two 32-bit halves, because BigInt costs seven times as much.
 */
export class RowBinaryWriter {
  #bytes: Buffer<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(16, initialBytes));
    this.#view = new DataView(this.#bytes.buffer);
  }

  get byteLength(): number {
    return this.#length;
  }

  /** What was written, without a copy: the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value, true);
    this.#length += 2;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** Int64, UInt64 and DateTime64 (ticks). RangeError unless a safe integer. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
    this.#reserve(8);
    this.#view.setUint32(this.#length, value >>> 0, true);
    this.#view.setInt32(this.#length + 4, Math.floor(value / TWO_32), true);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** String and LowCardinality(String): LEB128 length, then UTF-8. */
  string(text: string): void {
    if (text.length > SHORT_UNITS_MAX) return this.#longString(text);
    this.#reserve(1 + 3 * text.length);
    const start = this.#length;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        const written = this.#bytes.write(text, start + 1, "utf8");
        this.#bytes[start] = written;
        this.#length = start + 1 + written;
        return;
      }
      this.#bytes[start + 1 + i] = unit;
    }
    this.#bytes[start] = text.length;
    this.#length = start + 1 + text.length;
  }

  /** The flag in front of a Nullable value. Returns true when the value is to follow. */
  nullable<T>(value: T | null | undefined): value is T {
    const present = value !== null && value !== undefined;
    this.uint8(present ? 0 : 1);
    return present;
  }

  #longString(text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length + 5);
    this.#varint(length);
    this.#length += this.#bytes.write(text, this.#length, length, "utf8");
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    // Left to the collector, what a writer grows out of makes it mark the whole heap (docs/adr/0050-what-is-only-looked-at-stays-bytes.md).
    this.#bytes.buffer.transfer(0);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
