import { MillraceError } from "../core/errors.ts";

/** Zig-zag varints as Kafka's records have them (KIP-98): little groups of seven bits, the sign in the lowest bit. */

/** Writes an int32 and returns the position behind it. Takes at most five bytes. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let position = at;
  while (rest > 0x7f) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}

/** Writes an integer of up to 53 bits and returns the position behind it. Takes at most ten bytes. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, at, value);
  let rest = value < 0 ? BigInt(-value) * 2n - 1n : BigInt(value) * 2n;
  let position = at;
  while (rest > 0x7fn) {
    bytes[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  bytes[position++] = Number(rest);
  return position;
}

/** Bytes that `writeVarint` takes for a length. */
export function lengthVarintBytes(length: number): number {
  if (length < 0x40) return 1;
  if (length < 0x2000) return 2;
  if (length < 0x100000) return 3;
  return length < 0x8000000 ? 4 : 5;
}

/** Reads forward through `bytes`. Whatever would pass `end` is BATCH_CORRUPT. */
export class VarintReader {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  readVarint(): number {
    const first = this.readByte();
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let value = first & 0x7f;
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.readByte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new MillraceError("BATCH_CORRUPT", "a varint is longer than five bytes");
  }

  readVarlong(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.readByte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    return this.readLongRest(BigInt(value));
  }

  /** Steps over `length` bytes and returns where they began. */
  skip(length: number): number {
    const start = this.at;
    if (length < 0 || length > this.end - start) {
      throw new MillraceError("BATCH_CORRUPT", `a length of ${length} passes the end of its record`);
    }
    this.at = start + length;
    return start;
  }

  private readLongRest(low: bigint): number {
    let value = low;
    for (let shift = 28n; shift <= 63n; shift += 7n) {
      const byte = this.readByte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      const signed = Number(value & 1n ? -((value + 1n) >> 1n) : value >> 1n);
      if (!Number.isSafeInteger(signed)) throw new MillraceError("BATCH_CORRUPT", "a varlong passes 53 bits");
      return signed;
    }
    throw new MillraceError("BATCH_CORRUPT", "a varlong is longer than ten bytes");
  }

  private readByte(): number {
    if (this.at >= this.end) throw new MillraceError("BATCH_CORRUPT", "the bytes end inside a number");
    return this.bytes[this.at++] ?? 0;
  }
}
