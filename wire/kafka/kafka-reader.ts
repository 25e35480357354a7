import { MillraceError } from "../../core/errors.ts";

const TWO_32 = 0x1_0000_0000;
const VARINT_LAST_SHIFT = 28;

/** Reads the body of a Kafka response. LOG_IO where the bytes end too early: then it is no answer to the question. */
export class KafkaReader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  int8(): number {
    return this.bytes.readInt8(this.take(1));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  int16(): number {
    return this.bytes.readInt16BE(this.take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.take(4));
  }

  /** What does not fit into 53 bits loses its low bits: nothing that is counted here comes near. */
  int64(): number {
    const at = this.take(8);
    return this.bytes.readInt32BE(at) * TWO_32 + this.bytes.readUInt32BE(at + 4);
  }

  string(): string {
    return this.nullableString() ?? "";
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.text(length);
  }

  /** A view; empty for null. */
  bytesOf(): Buffer {
    const length = Math.max(this.int32(), 0);
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  array<T>(read: () => T): T[] {
    return this.items(Math.max(this.int32(), 0), read);
  }

  compactString(): string | null {
    const length = this.unsignedVarint();
    return length === 0 ? null : this.text(length - 1);
  }

  /** Null for a null array. */
  compactArray<T>(read: () => T): T[] | null {
    const length = this.unsignedVarint();
    return length === 0 ? null : this.items(length - 1, read);
  }

  /** Sixteen bytes as 32 hexadecimal digits. */
  uuid(): string {
    const at = this.take(16);
    return this.bytes.toString("hex", at, at + 16);
  }

  /** Steps over the tagged fields at the end of a structure of a flexible version. */
  skipTags(): void {
    for (let left = this.unsignedVarint(); left > 0; left--) {
      this.unsignedVarint();
      this.take(this.unsignedVarint());
    }
  }

  private items<T>(count: number, read: () => T): T[] {
    // Each item takes a byte at least: a count that lies is found before memory is taken for it.
    if (count > this.bytes.length - this.at) throw cutShort();
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(read());
    return items;
  }

  private text(length: number): string {
    const at = this.take(length);
    return this.bytes.toString("utf8", at, at + length);
  }

  private unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift <= VARINT_LAST_SHIFT; shift += 7) {
      const byte = this.bytes[this.take(1)] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw cutShort();
  }

  private take(length: number): number {
    const at = this.at;
    if (length > this.bytes.length - at) throw cutShort();
    this.at = at + length;
    return at;
  }
}

function cutShort(): MillraceError {
  return new MillraceError("LOG_IO", "a Kafka broker's answer is cut short or of another version");
}
