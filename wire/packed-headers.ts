import { writeText } from "./record-batch-writer.ts";
import { writeVarint } from "./varint.ts";
import type { Header } from "../core/record.ts";

/** A header whose text is a prefix and a whole number that differs from record to record. */
export interface NumberHeader {
  readonly name: string;
  readonly prefix: string;
}

/** Of the largest safe integer. */
const MOST_DIGITS = 16;
/** A text of this length still has a length of one byte. */
const SHORT_TEXT = 63;
const ZERO = 0x30;

/** Text as a record batch has keys: its length and its UTF-8 bytes. */
export function packText(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(text) + 5);
  return bytes.subarray(0, writeText(bytes, 0, text));
}

/**
 * The headers of records that differ in numbers only, encoded as a record batch has them (KIP-82). They are encoded once; for each record only
 * the numbers are written behind them.
 */
export class PackedHeaders {
  readonly bytes: Buffer;
  length: number;
  private readonly fixedLength: number;
  /** Of each number's header all that stands in front of the digits, with a length that lacks them, and where that length is. */
  private readonly heads: readonly { readonly bytes: Buffer; readonly lengthAt: number }[];

  constructor(fixed: readonly Header[], numbers: readonly NumberHeader[]) {
    const count = Buffer.allocUnsafe(5);
    const texts = fixed.flatMap(([name, text]) => [packText(name), packText(text)]);
    const front = Buffer.concat([count.subarray(0, writeVarint(count, 0, fixed.length + numbers.length)), ...texts]);
    this.heads = numbers.map(rememberedHeadOf);
    this.fixedLength = front.length;
    this.length = front.length;
    const more = this.heads.reduce((sum, { bytes }) => sum + bytes.length + MOST_DIGITS, 0);
    this.bytes = Buffer.allocUnsafe(front.length + more);
    front.copy(this.bytes);
  }

  /** Before the numbers of the next record. */
  rewind(): void {
    this.length = this.fixedLength;
  }

  /** Writes the next number: as many for each record as there are number headers, in their order. Not negative, and safe. */
  number(index: number, value: number): void {
    const head = this.heads[index];
    if (head === undefined) throw new RangeError(`there is no number header ${index}`);
    const { bytes, length } = this;
    const digits = digitsOf(value);
    for (let at = 0; at < head.bytes.length; at++) bytes[length + at] = head.bytes[at] ?? 0;
    // Lengths are zig-zag: twice their value.
    bytes[length + head.lengthAt] = (head.bytes[head.lengthAt] ?? 0) + 2 * digits;
    this.length = length + head.bytes.length + digits;
    let rest = value;
    for (let at = this.length - 1; at >= this.length - digits; at--) {
      const tenth = Math.floor(rest / 10);
      bytes[at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
  }
}

/** The same headers with one more behind them, in bytes of their own. For the few records that need it: they are copied. */
export function withHeader(headers: Pick<PackedHeaders, "bytes" | "length">, [name, text]: Header): Buffer {
  const { bytes, length } = headers;
  const count = bytes[0] ?? 0;
  // Zig-zag: twice the number. A number of two bytes would have its highest bit set.
  if (count + 2 > 0x7f) throw new RangeError("there are too many headers for one more");
  const made = Buffer.concat([bytes.subarray(0, length), packText(name), packText(text)]);
  made[0] = count + 2;
  return made;
}

type NumberHead = { readonly bytes: Buffer; readonly lengthAt: number };

/** A process has few, and each connection needs them. */
const heads = new Map<string, NumberHead>();
const HEADS_REMEMBERED = 16;

function rememberedHeadOf(header: NumberHeader): NumberHead {
  const key = `${header.name} ${header.prefix}`;
  const known = heads.get(key);
  if (known !== undefined) return known;
  const made = headOf(header);
  if (heads.size < HEADS_REMEMBERED) heads.set(key, made);
  return made;
}

function headOf({ name, prefix }: NumberHeader): { readonly bytes: Buffer; readonly lengthAt: number } {
  const [packedName, packedPrefix] = [packText(name), packText(prefix)];
  const bytes = Buffer.concat([packedName, packedPrefix]);
  if (packedPrefix.length - 1 + MOST_DIGITS > SHORT_TEXT) throw new RangeError(`"${prefix}" is too long a prefix`);
  return { bytes, lengthAt: packedName.length };
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let ceiling = 10; value >= ceiling; ceiling *= 10) digits++;
  return digits;
}
