/**
 * JSON that is written straight into the bytes of a record, for what a stage makes of every message: an object of its own, the check of it and a
 * text of it cost more than all that is in it.
 */
export interface WrittenJson {
  /** It takes no more than so many bytes. */
  readonly bytesMax: number;
  /** Writes what JSON.stringify makes of the value, byte for byte, in UTF-8. Returns the place behind it. */
  writeTo(bytes: Buffer, at: number): number;
}

/** Of a number: a sign, 17 digits, a point, and an exponent or zeros before them. */
export const NUMBER_BYTES = 25;

const QUOTE = 0x22;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const BLANK = 0x20;
const LAST_PRINTABLE = 0x7e;
/** An escape, which is the longest that a UTF-16 unit becomes. */
const UNIT_BYTES = 6;
/** Sensors have one or two decimals. */
const DECIMALS_TRIED = 3;
const POWERS_OF_TEN = [1, 10, 100, 1000];
/** Two numbers that differ within 15 digits are never the same double, so that no shorter text can mean the same one. */
const EXACT_BELOW = 1e15;
const LIMB = 1e9;
const LIMB_DIGITS = 9;

/** The same as a text. */
export function textOfJson(json: WrittenJson): string {
  const bytes = Buffer.allocUnsafe(json.bytesMax);
  return bytes.toString("utf8", 0, json.writeTo(bytes, 0));
}

/** Bytes that `putText` takes at most. */
export function textBytesMax(text: string): number {
  return text.length * UNIT_BYTES + 2;
}

/** A text in quotes. */
export function putText(bytes: Buffer, at: number, text: string): number {
  bytes[at] = QUOTE;
  let to = at + 1;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < BLANK || unit > LAST_PRINTABLE || unit === QUOTE || unit === BACKSLASH) {
      return at + bytes.write(JSON.stringify(text), at, "utf8");
    }
    bytes[to] = unit;
    to += 1;
  }
  bytes[to] = QUOTE;
  return to + 1;
}

/** A few bytes as they are: a loop copies them faster than a call. */
export function putBytes(bytes: Buffer, at: number, few: Uint8Array): number {
  for (let index = 0; index < few.length; index += 1) bytes[at + index] = few[index] ?? 0;
  return at + few.length;
}

/** A number, finite, as JSON.stringify writes it: the shortest text that means it. */
export function putNumber(bytes: Buffer, at: number, value: number): number {
  const size = Math.abs(value);
  for (let decimals = 0; decimals <= DECIMALS_TRIED; decimals += 1) {
    const power = POWERS_OF_TEN[decimals] ?? 1;
    const scaled = Math.round(size * power);
    if (scaled >= EXACT_BELOW) break;
    if (scaled / power !== size) continue;
    // Also of negative zero, which is zero to JSON, no sign is written.
    if (value < 0) bytes[at] = MINUS;
    const first = value < 0 ? at + 1 : at;
    return decimals === 0 ? putWhole(bytes, first, scaled) : putFraction(bytes, first, scaled, decimals);
  }
  return putAscii(bytes, at, String(value));
}

function putFraction(bytes: Buffer, at: number, scaled: number, decimals: number): number {
  const power = POWERS_OF_TEN[decimals] ?? 1;
  const whole = Math.floor(scaled / power);
  const dot = putWhole(bytes, at, whole);
  bytes[dot] = DOT;
  return putDigits(bytes, dot + 1, scaled - whole * power, decimals);
}

/** A whole number from 0 to the largest safe one. */
export function putWhole(bytes: Uint8Array, at: number, value: number): number {
  if (value < LIMB) return putDigits(bytes, at, value, digitsOf(value));
  const high = Math.floor(value / LIMB);
  return putDigits(bytes, putWhole(bytes, at, high), value - high * LIMB, LIMB_DIGITS);
}

/** So many digits of a number below 10⁹, with zeros in front. */
function putDigits(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let to = at + digits - 1; to >= at; to -= 1) {
    const tenth = (rest / 10) | 0;
    bytes[to] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let ceiling = 10; value >= ceiling; ceiling *= 10) digits += 1;
  return digits;
}

function putAscii(bytes: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}
