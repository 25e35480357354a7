import { LIMITS } from "../core/limits.ts";

export type Scalar = number | boolean | string;

/** A name of a member, as it stands before its value, and the one that came after it last time. */
interface MemberName {
  readonly text: string;
  /** With quotes and colon. */
  readonly bytes: Uint8Array;
  /** Objects have such names first, in order of their numbers, wherever they stood. */
  readonly isNumber: boolean;
  next: MemberName | null;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const CLOSE = 0x7d;
const LETTER_F = 0x66;
const LETTER_T = 0x74;
const BLANK = 0x20;
const LAST_PRINTABLE = 0x7e;
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

/** Whole numbers of so many digits, and ten to that power, are exact, so that one division rounds as a parser does (Clinger 1990). */
const EXACT_DIGITS = 15;
/** No number that a machine writes without an exponent has more. */
const DIGITS_READ = 40;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);
/** Smaller ones are printed with an exponent. */
const PLAIN_FROM = 1e-6;
const WHOLE = /^\d+$/;
/** A fleet has a few hundred metrics; whoever makes names up must not fill the memory. */
const NAMES_REMEMBERED = 4096;

/**
 * Reads JSON objects as machines write them: one value after the other, few blanks, printable ASCII. It knows the names of members and which follows
 * which, and so compares where a parser reads; a third of the time of `JSON.parse`. What it finds is what a parser finds. What is written
 * otherwise it does not read, and says so: a parser is to be asked then.
 */
export class PlainJson {
  /** Where it stands. */
  at = 0;
  /**
   * What was read since the beginning stands as JSON.stringify writes what was found: no blanks, numbers as they are printed, names in the order that
   * they have in an object. But for a name that stood twice: the object has fewer members then than `memberCount` says.
   */
  isCanonical = true;
  /** Of the object that was read last. */
  memberCount = 0;
  private readonly printsLong: boolean;
  private bytes: Uint8Array = new Uint8Array();
  private readonly names = new Map<string, MemberName>();
  private readonly first: MemberName = { text: "", bytes: new Uint8Array(), isNumber: false, next: null };

  /** `printsLong`: for who asks whether it is canonical. Numbers of more digits than are exact are printed then, to see whether they stand so. */
  constructor({ printsLong = false }: { printsLong?: boolean } = {}) {
    this.printsLong = printsLong;
  }

  begin(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.isCanonical = true;
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** Goes past these bytes. False when others stand there. */
  skip(expected: Uint8Array): boolean {
    const { bytes, at } = this;
    for (let index = 0; index < expected.length; index += 1) if (bytes[at + index] !== expected[index]) return false;
    this.at = at + expected.length;
    return true;
  }

  /** As `skip`, of a text of ASCII. */
  skipText(expected: string): boolean {
    const { bytes, at } = this;
    for (let index = 0; index < expected.length; index += 1) {
      if (bytes[at + index] !== expected.charCodeAt(index)) return false;
    }
    this.at = at + expected.length;
    return true;
  }

  /** Goes past this byte, and one blank behind it. */
  skipByte(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at += 1;
    this.skipBlank();
    return true;
  }

  skipBlank(): void {
    if (this.bytes[this.at] !== BLANK) return;
    this.at += 1;
    this.isCanonical = false;
  }

  /** NaN when no number stands there. Of one with an exponent what stands before it, which nothing that may come next is. */
  number(): number {
    const { bytes } = this;
    const start = this.at;
    const negative = bytes[start] === MINUS;
    const first = negative ? start + 1 : start;
    let at = first;
    let value = 0;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, at)) {
      value = value * 10 + digit;
      at += 1;
    }
    const digits = at - first;
    if (digits === 0 || (digits > 1 && digitAt(bytes, first) === 0)) return Number.NaN;
    let decimals = 0;
    if (bytes[at] === DOT) {
      const dot = at;
      at += 1;
      for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, at)) {
        value = value * 10 + digit;
        at += 1;
      }
      decimals = at - dot - 1;
      if (decimals === 0) return Number.NaN;
    }
    this.at = at;
    if (digits + decimals > DIGITS_READ) return Number.NaN;
    if (digits + decimals > EXACT_DIGITS) {
      const text = asciiOf(bytes, start, at);
      const parsed = Number(text);
      if (!this.printsLong || String(parsed) !== text) this.isCanonical = false;
      return parsed;
    }
    const size = decimals === 0 ? value : value / (POWERS_OF_TEN[decimals] ?? Number.NaN);
    // No two numbers of so few digits are the same double: it is the shortest, unless it ends with a zero.
    if (decimals > 0 && (digitAt(bytes, at - 1) === 0 || size < PLAIN_FROM)) this.isCanonical = false;
    if (!negative) return size;
    if (size === 0) this.isCanonical = false;
    return -size;
  }

  /** The members of an object behind its opening brace, the closing one included. Null when there are none, or one that is not read here. */
  members(): Record<string, Scalar> | null {
    const members: Record<string, Scalar> = {};
    let before = this.first;
    this.memberCount = 0;
    for (;;) {
      const name = this.name(before);
      if (name === null) return null;
      const value = this.scalar();
      if (value === null) return null;
      members[name.text] = value;
      if (name.isNumber) this.isCanonical = false;
      this.memberCount += 1;
      before = name;
      if (this.skipByte(COMMA)) continue;
      if (this.bytes[this.at] !== CLOSE) return null;
      this.at += 1;
      return members;
    }
  }

  private name(before: MemberName): MemberName | null {
    const { next } = before;
    if (next !== null && this.skip(next.bytes)) {
      this.skipBlank();
      return next;
    }
    const start = this.at;
    const text = this.text(LIMITS.metricNameBytesMax);
    if (text === null || !this.skipByte(COLON)) return null;
    // The latter would be the object's prototype.
    if (text === "" || text === "__proto__") return null;
    const name = this.names.get(text) ?? this.remember(text, start);
    before.next = name;
    return name;
  }

  private remember(text: string, start: number): MemberName {
    const length = text.length + 3;
    const bytes = Uint8Array.from(this.bytes.subarray(start, start + length));
    const name: MemberName = { text, bytes, isNumber: WHOLE.test(text), next: null };
    if (this.names.size >= NAMES_REMEMBERED) this.names.clear();
    this.names.set(text, name);
    return name;
  }

  private scalar(): Scalar | null {
    const byte = this.bytes[this.at];
    if (byte === QUOTE) return this.text(LIMITS.textValueBytesMax);
    if (byte === LETTER_T) return this.skip(TRUE) ? true : null;
    if (byte === LETTER_F) return this.skip(FALSE) ? false : null;
    const number = this.number();
    return Number.isNaN(number) ? null : number;
  }

  /** A text in quotes, without escapes. */
  private text(bytesMax: number): string | null {
    const { bytes } = this;
    if (bytes[this.at] !== QUOTE) return null;
    const start = this.at + 1;
    const limit = Math.min(bytes.length, start + bytesMax + 1);
    for (let at = start; at < limit; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.at = at + 1;
        return asciiOf(bytes, start, at);
      }
      if (byte < BLANK || byte > LAST_PRINTABLE || byte === BACKSLASH) return null;
    }
    return null;
  }
}

/** Negative when there is no digit. */
function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] ?? 0) - 0x30;
  return digit <= 9 ? digit : -1;
}

function asciiOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
