const INITIAL_BYTES = 512;
/** Parts from here on are not copied. */
const OWN_PIECE_BYTES = 1024;
const TWO_32 = 0x1_0000_0000;

/** Builds the body of a Kafka request: Kafka's primitive types, big endian (protocol guide, "Protocol Primitive Types"). */
export class KafkaWriter {
  private bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  private at = 0;
  /** Where in `bytes` the piece begins that is being written. */
  private pieceAt = 0;
  private readonly done: Uint8Array[] = [];

  int8(value: number): this {
    this.at = this.reserve(1).writeInt8(value, this.at);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  int16(value: number): this {
    this.at = this.reserve(2).writeInt16BE(value, this.at);
    return this;
  }

  int32(value: number): this {
    this.at = this.reserve(4).writeInt32BE(value, this.at);
    return this;
  }

  /** Of up to 53 bits. */
  int64(value: number): this {
    this.int32(Math.floor(value / TWO_32));
    this.at = this.reserve(4).writeUInt32BE(value >>> 0, this.at);
    return this;
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const length = Buffer.byteLength(text);
    this.int16(length);
    this.reserve(length).write(text, this.at, "utf8");
    this.at += length;
    return this;
  }

  /**
   * A length and the parts one after the other, as Kafka has bytes and records. Large ones become pieces of their own: they must stay as they
   * are until the request is sent.
   */
  bytesOf(parts: readonly Uint8Array[]): this {
    this.int32(parts.reduce((sum, part) => sum + part.length, 0));
    for (const part of parts) {
      if (part.length >= OWN_PIECE_BYTES) {
        this.endPiece();
        this.done.push(part);
      } else {
        this.reserve(part.length).set(part, this.at);
        this.at += part.length;
      }
    }
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** COMPACT_STRING: its length and one more, as an unsigned varint (KIP-482). */
  compactString(text: string | null): this {
    if (text === null) return this.unsignedVarint(0);
    const length = Buffer.byteLength(text);
    this.unsignedVarint(length + 1);
    this.reserve(length).write(text, this.at, "utf8");
    this.at += length;
    return this;
  }

  /** COMPACT_ARRAY; null is a null array. */
  compactArray<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.unsignedVarint(items === null ? 0 : items.length + 1);
    for (const item of items ?? []) write(item);
    return this;
  }

  /** UUID: sixteen bytes, given as 32 hexadecimal digits. */
  uuid(hex: string): this {
    this.reserve(16).write(hex, this.at, "hex");
    this.at += 16;
    return this;
  }

  /** The end of every structure of a flexible version: no tagged fields. */
  noTags(): this {
    return this.unsignedVarint(0);
  }

  /** What was written, in its order. */
  pieces(): readonly Uint8Array[] {
    this.endPiece();
    return this.done;
  }

  /** The same as one. */
  finish(): Buffer {
    return Buffer.concat(this.pieces());
  }

  private endPiece(): void {
    if (this.at > this.pieceAt) this.done.push(this.bytes.subarray(this.pieceAt, this.at));
    this.pieceAt = this.at;
  }

  private unsignedVarint(value: number): this {
    let rest = value >>> 0;
    this.reserve(5);
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
    return this;
  }

  private reserve(more: number): Buffer {
    if (this.at + more > this.bytes.length) {
      // Pieces before it are views of the old one.
      const written = this.at - this.pieceAt;
      const grown = Buffer.allocUnsafe(Math.max(written + more, this.bytes.length * 2));
      this.bytes.copy(grown, 0, this.pieceAt, this.at);
      this.bytes = grown;
      this.pieceAt = 0;
      this.at = written;
    }
    return this.bytes;
  }
}
