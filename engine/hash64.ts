/**
 * Hashes of 64 bits, made of two murmur3 lanes with different seeds and multipliers, as 11 characters of base64url. They tell a
 * device's resends from its new messages; they are no defence against somebody who looks for collisions.
 * Source of the mixing steps: MurmurHash3_x86_32, Austin Appleby, public domain.
 */
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Characters of one hash. */
export const HASH_LENGTH = 11;

export function hashBytes(bytes: Uint8Array): string {
  const length = bytes.length;
  const whole = length & ~3;
  let a = 0x9747b28c;
  let b = 0x2545f491;
  for (let i = 0; i < whole; i += 4) {
    const k = at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24);
    a = mixA(a, k);
    b = mixB(b, k);
  }
  let tail = 0;
  for (let i = whole; i < length; i += 1) tail |= at(bytes, i) << ((i & 3) * 8);
  return digits(finish(mixA(a, tail) ^ length), finish(mixB(b, tail) ^ length));
}

/** The hash of a text's UTF-16 units: for short texts such as identities. */
export function hashText(text: string): string {
  let a = 0x9747b28c;
  let b = 0x2545f491;
  for (let i = 0; i < text.length; i += 1) {
    const k = text.charCodeAt(i);
    a = mixA(a, k);
    b = mixB(b, k);
  }
  return digits(finish(a ^ text.length), finish(b ^ text.length));
}

/** A number of 32 bits, evenly spread: which share a text falls into. */
export function hashNumber(text: string): number {
  let a = 0x9747b28c;
  for (let i = 0; i < text.length; i += 1) a = mixA(a, text.charCodeAt(i));
  return finish(a ^ text.length) >>> 0;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

function mixA(h: number, k: number): number {
  let x = Math.imul(k, 0xcc9e2d51);
  x = Math.imul((x << 15) | (x >>> 17), 0x1b873593) ^ h;
  return (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0;
}

function mixB(h: number, k: number): number {
  let x = Math.imul(k, 0x239b961b);
  x = Math.imul((x << 16) | (x >>> 16), 0xab0e9789) ^ h;
  return (Math.imul((x << 17) | (x >>> 15), 5) + 0x38b34ae5) | 0;
}

function finish(h: number): number {
  let x = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** 64 bits as 11 digits of 6 bits: five from each lane, the last from what is left of both. One string, no pieces. */
function digits(a: number, b: number): string {
  return String.fromCharCode(
    digit(a),
    digit(a >>> 6),
    digit(a >>> 12),
    digit(a >>> 18),
    digit(a >>> 24),
    digit(b),
    digit(b >>> 6),
    digit(b >>> 12),
    digit(b >>> 18),
    digit(b >>> 24),
    digit(((a >>> 30) << 2) | (b >>> 30)),
  );
}

function digit(bits: number): number {
  return DIGITS.charCodeAt(bits & 63);
}
