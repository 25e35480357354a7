import { isUtf8 } from "node:buffer";
import { KeptBuffer } from "./kept-buffer.ts";

/**
 * The frame that journal entries of stages share: a kind byte, a count, that many non-negative integers in little-endian base 128
 * (LEB128), and one text in UTF-8 that fills the rest. Texts are cut out of it by their lengths in
 * bytes, each as a string of its own: slices of one big string would keep all of it in memory.
 */
const NUMBER_BYTES_MAX = 8;

/** Short texts go without a call out of JavaScript. */
const SHORT_TEXT = 48;

/** Writes such an entry, number by number and text by text, in buffers that are used again. */
export class NumberTextWriter {
  private readonly numbers = new KeptBuffer();
  private readonly texts = new KeptBuffer();
  private count = 0;
  private numbersEnd = 0;
  private textsEnd = 0;

  /** To be called before the first: what was begun and not finished is forgotten. */
  begin(): void {
    this.count = 0;
    this.numbersEnd = 0;
    this.textsEnd = 0;
  }

  number(value: number): void {
    this.numbers.reserve(this.numbersEnd + NUMBER_BYTES_MAX, this.numbersEnd);
    this.numbersEnd = putNumber(this.numbers.bytes, this.numbersEnd, value);
    this.count += 1;
  }

  /** Returns how many bytes it takes. */
  text(text: string): number {
    const start = this.textsEnd;
    this.texts.reserve(start + text.length * 3, start);
    const { bytes } = this.texts;
    this.textsEnd = putShortAscii(bytes, start, text) ? start + text.length : start + bytes.write(text, start);
    return this.textsEnd - start;
  }

  /** The entry, in bytes of its own. */
  finish(kind: number): Uint8Array {
    const { numbersEnd, textsEnd } = this;
    const room = Buffer.allocUnsafeSlow(1 + NUMBER_BYTES_MAX + numbersEnd + textsEnd);
    room[0] = kind;
    const at = putNumber(room, 1, this.count);
    this.numbers.bytes.copy(room, at, 0, numbersEnd);
    this.texts.bytes.copy(room, at + numbersEnd, 0, textsEnd);
    this.numbers.release(numbersEnd);
    this.texts.release(textsEnd);
    return room.subarray(0, at + numbersEnd + textsEnd);
  }
}

/** False, with nothing of it to be believed, when it is not. */
function putShortAscii(bytes: Buffer, start: number, text: string): boolean {
  if (text.length > SHORT_TEXT) return false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return false;
    bytes[start + index] = code;
  }
  return true;
}

function putNumber(room: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    room[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
    at += 1;
  }
  room[at] = rest;
  return at + 1;
}

/** Reads what NumberTextWriter wrote, in order. Whatever does not fit goes to `fail`, which throws. */
export class NumberTextReader {
  private readonly numbers: readonly number[];
  private readonly bytes: Buffer;
  private readonly fail: (why: string, cause?: unknown) => never;
  private nextNumber = 0;
  private nextText: number;

  constructor(kind: number, bytes: Uint8Array, fail: (why: string, cause?: unknown) => never) {
    this.fail = fail;
    if (bytes[0] !== kind) fail("it does not begin with its kind");
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { numbers, end } = readNumbers(view, fail);
    this.numbers = numbers;
    this.bytes = view;
    this.nextText = end;
    if (!isUtf8(view.subarray(end))) fail("its text is not UTF-8");
  }

  number(): number {
    const value = this.numbers[this.nextNumber];
    if (value === undefined) return this.fail("it ends too early");
    this.nextNumber += 1;
    return value;
  }

  /** A number that counts what follows: never more than there are numbers left. */
  count(): number {
    const value = this.number();
    if (value > this.numbers.length - this.nextNumber) return this.fail("it ends too early");
    return value;
  }

  list(length: number): number[] {
    const start = this.nextNumber;
    if (length > this.numbers.length - start) return this.fail("it ends too early");
    this.nextNumber += length;
    return this.numbers.slice(start, this.nextNumber);
  }

  text(byteLength: number): string {
    const start = this.nextText;
    if (start + byteLength > this.bytes.length) return this.fail("its text is too short");
    this.nextText += byteLength;
    return this.bytes.toString("utf8", start, this.nextText);
  }

  end(): void {
    if (this.nextNumber !== this.numbers.length || this.nextText !== this.bytes.length) this.fail("it is too long");
  }
}

function readNumbers(bytes: Buffer, fail: (why: string) => never): { numbers: number[]; end: number } {
  const numbers: number[] = [];
  let at = 1;
  let left = -1;
  while (left !== 0) {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined || scale > Number.MAX_SAFE_INTEGER) return fail("a number in it is cut off");
      at += 1;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) break;
    }
    if (left < 0) {
      if (value > bytes.length) return fail("it counts more numbers than it has bytes");
      left = value;
    } else {
      numbers.push(value);
      left -= 1;
    }
  }
  return { numbers, end: at };
}
