const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** An object with its braces: bytes [start, end). */
export interface ObjectBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * True when both are JSON objects of scalars with the same names in the same order, as a device's readings nearly always are: whatever is in the one is in
 * the other. Values are passed over, so that one that only looks like a number is not found out. False also where escapes make it hard to tell.
 */
export function haveSameMembers(one: ObjectBytes, other: ObjectBytes): boolean {
  const { bytes: a, end: aEnd } = one;
  const { bytes: b, end: bEnd } = other;
  let i = one.start;
  let j = other.start;
  if (a[i] !== OPEN || b[j] !== OPEN) return false;
  do {
    i += 1;
    j += 1;
    if (a[i] !== QUOTE || b[j] !== QUOTE) return false;
    const nameEnd = textEnd(a, i, aEnd);
    if (nameEnd === -1 || a[nameEnd] !== COLON) return false;
    for (; i <= nameEnd; i += 1, j += 1) if (a[i] !== b[j]) return false;
    i = scalarEnd(a, i, aEnd);
    j = scalarEnd(b, j, bEnd);
    if (i === -1 || j === -1) return false;
  } while (a[i] === COMMA && b[j] === COMMA);
  return a[i] === CLOSE && b[j] === CLOSE && i === aEnd - 1 && j === bEnd - 1;
}

/** Behind the scalar that begins there; -1 when there is none. */
function scalarEnd(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] === QUOTE) return textEnd(bytes, start, end);
  let at = start;
  while (at < end && isOfScalar(bytes[at] ?? 0)) at += 1;
  return at === start ? -1 : at;
}

/** Behind the closing quote; -1 when there is none, or an escape before it. */
function textEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Of a number, `true` or `false`: digits, signs and small letters. */
function isOfScalar(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2d || byte === 0x2b || (byte >= 0x61 && byte <= 0x7a)
  );
}
