import { LIMITS } from "../core/limits.ts";
import { parseJson } from "../core/parse-json.ts";
import type { QuarantineReason } from "../core/derived-records.ts";

/** What a message of a field gateway says of one device. */
export interface GatewayEntry {
  /** Decoded, unchecked. Null when it is no text, or too long for any id. */
  readonly name: string | null;
  /** The entry, `"name": value`, is bytes [start, end); its value begins at `valueStart`. */
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
/** The bytes that one character of an id may take, escaped as \u0041 is. */
const ESCAPED_BYTES = 6;

/**
 * Cuts `{"Device A": value, "Device B": value}` in bytes [start, end) into its entries, in order, the same name as often as it stands there. Values
 * are not parsed: only where each ends is found, in one pass without recursion; whoever decodes one sees whether it is JSON. A reason when the
 * message cannot be cut.
 */
export function splitGatewayPayload(
  bytes: Uint8Array,
  start: number,
  end: number,
  entriesMax: number,
): readonly GatewayEntry[] | QuarantineReason {
  let at = skipBlanks(bytes, start, end);
  if (bytes[at] === BRACKET) return "bad-shape";
  if (at === end || bytes[at] !== BRACE) return "bad-json";
  at = skipBlanks(bytes, at + 1, end);
  const entries: GatewayEntry[] = [];
  if (bytes[at] === BRACE_END) return skipBlanks(bytes, at + 1, end) === end ? "bad-shape" : "bad-json";
  for (;;) {
    const entry = entryAt(bytes, at, end);
    if (entry === null) return "bad-json";
    if (entries.length === entriesMax) return "too-many-devices";
    entries.push(entry);
    at = skipBlanks(bytes, entry.end, end);
    if (bytes[at] === BRACE_END) break;
    at = skipBlanks(bytes, at + 1, end);
  }
  return skipBlanks(bytes, at + 1, end) === end ? entries : "bad-json";
}

/** The name with which an entry begins that was cut out; null as there. */
export function gatewayEntryName(entry: Uint8Array): string | null {
  const close = entry[0] === QUOTE ? textEnd(entry, 0, entry.length) : -1;
  return close < 0 ? null : nameOf(entry, 0, close);
}

/** Null when what stands there is no `"name": value` followed by a comma or a closing brace. */
function entryAt(bytes: Uint8Array, start: number, end: number): GatewayEntry | null {
  const nameEnd = start < end && bytes[start] === QUOTE ? textEnd(bytes, start, end) : -1;
  if (nameEnd < 0) return null;
  const colon = skipBlanks(bytes, nameEnd, end);
  if (colon === end || bytes[colon] !== COLON) return null;
  const valueStart = skipBlanks(bytes, colon + 1, end);
  const valueEnd = valueEndOf(bytes, valueStart, end);
  if (valueEnd <= valueStart) return null;
  return { name: nameOf(bytes, start, nameEnd), start, valueStart, end: valueEnd };
}

function nameOf(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start - 2 > LIMITS.idCharactersMax * ESCAPED_BYTES) return null;
  const name = parseJson(bytes.subarray(start, end));
  return typeof name === "string" ? name : null;
}

/** Behind the closing quote of the text that opens at `start`; -1 when there is none. */
function textEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  return -1;
}

/** Where the value ends that is followed by a comma or a closing brace of the message, blanks before them left off; -1 when nothing follows. */
function valueEndOf(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  let valueEnd = start;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    // `[` and `{` differ in one bit, as their closing ones do.
    const bracket = byte | 0x20;
    if (depth === 0 && (byte === COMMA || byte === BRACE_END)) return valueEnd;
    if (byte === QUOTE) {
      at = textEnd(bytes, at, end) - 1;
      if (at < 0) return -1;
    } else if (bracket === BRACE) {
      depth++;
    } else if (bracket === BRACE_END && --depth < 0) {
      return -1;
    }
    if (!isBlank(byte)) valueEnd = at + 1;
  }
  return -1;
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(bytes[at] ?? 0)) at++;
  return at;
}

/** RFC 8259 §2. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
