import { LIMITS } from "../core/limits.ts";
import { PlainJson, type Scalar } from "./plain-json.ts";
import { isHugeNumber, parseSentJson } from "./sent-numbers.ts";
import type { QuarantineReason } from "../core/derived-records.ts";
import type { ObjectBytes } from "./same-members.ts";

/** Values that stand in the payload exactly as JSON.stringify writes them, all such as a reading may have: plain JSON holds no others. */
export interface WrittenValues extends ObjectBytes {
  readonly values: Readonly<Record<string, Scalar>>;
}

/** Metric values as a device sent them, unchecked, with its time if it sent one. A number that no double can hold is a HugeNumber. */
export interface PayloadReading {
  /** What stood as `ts`; undefined when nothing did. */
  readonly ts: unknown;
  readonly values: Readonly<Record<string, unknown>>;
  /** How many there are. */
  readonly count: number;
  /** Null when they stand in the payload in any other way. */
  readonly written: WrittenValues | null;
}

/** What could not be understood: the whole payload, or one element of an array. */
export interface PayloadFault {
  readonly reason: QuarantineReason;
  /** A sentence. */
  readonly detail: string;
  /** The element; undefined when it is the whole payload. */
  readonly element?: unknown;
}

export interface DecodedPayload {
  readonly readings: readonly PayloadReading[];
  readonly faults: readonly PayloadFault[];
}

const OPEN = 0x7b;
const COMMA = 0x2c;
const TIME = Buffer.from('"ts":');
const VALUES = Buffer.from('"values":');
const END = Buffer.from("}");
const NO_FAULTS: readonly PayloadFault[] = [];

/** Payloads are read one at a time. */
const json = new PlainJson({ printsLong: true });
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON that devices send: `{"t":21.5}`, `{"ts":1700000000000,"values":{"t":21.5}}`, or an array of these. Never throws, and is
 * bounded: in depth before anything is parsed, in elements after.
 */
export function decodeTelemetryPayload(bytes: Uint8Array): DecodedPayload {
  const plain = readPlainPayload(bytes);
  return plain === null ? decodeAny(bytes) : { readings: [plain], faults: NO_FAULTS };
}

/** One reading, when it is written as most devices write theirs; null for all else. */
function readPlainPayload(bytes: Uint8Array): PayloadReading | null {
  json.begin(bytes);
  if (!json.skipByte(OPEN)) return null;
  if (!json.skip(TIME)) {
    const values = json.members();
    const isFlat = values !== null && json.isAtEnd && !("ts" in values) && !("values" in values);
    return isFlat ? plainReading(undefined, { bytes, start: 0, end: bytes.length, values }) : null;
  }
  json.skipBlank();
  const ts = json.number();
  if (Number.isNaN(ts) || !json.skipByte(COMMA) || !json.skip(VALUES)) return null;
  json.skipBlank();
  const start = json.at;
  const values = json.skipByte(OPEN) ? json.members() : null;
  const end = json.at;
  return values !== null && json.skip(END) && json.isAtEnd ? plainReading(ts, { bytes, start, end, values }) : null;
}

function plainReading(ts: unknown, written: WrittenValues): PayloadReading {
  const { values } = written;
  const count = countOf(values);
  return { ts, values, count, written: json.isCanonical && count === json.memberCount ? written : null };
}

function decodeAny(bytes: Uint8Array): DecodedPayload {
  const text = decodeUtf8(bytes);
  if (text === null) return refused("bad-utf8", "the payload is not UTF-8");
  if (isTooDeep(bytes)) return refused("too-deep", `the payload is nested deeper than ${LIMITS.jsonDepthMax} levels`);
  const root = parseSentJson(text);
  if (root === undefined) return refused("bad-json", "the payload is not JSON");
  if (!Array.isArray(root)) return decodeElements([root], false);
  if (root.length === 0) return refused("bad-shape", "the array is empty");
  if (root.length > LIMITS.readingsPerMessageMax) {
    return refused(
      "too-many-values",
      `the array has ${root.length} elements; ${LIMITS.readingsPerMessageMax} are allowed`,
    );
  }
  return decodeElements(root, true);
}

function decodeElements(elements: readonly unknown[], inArray: boolean): DecodedPayload {
  const readings: PayloadReading[] = [];
  const faults: PayloadFault[] = [];
  for (let index = 0; index < elements.length; index += 1) {
    const element = elements[index];
    const decoded = decodeElement(element);
    if (typeof decoded !== "string") readings.push(decoded);
    else if (inArray) faults.push({ reason: "bad-shape", detail: `element ${index}: ${decoded}`, element });
    else faults.push({ reason: "bad-shape", detail: decoded });
  }
  return { readings, faults };
}

/** A sentence when the element is no reading. */
function decodeElement(element: unknown): PayloadReading | string {
  if (!isObject(element)) return "an object of metric values is expected";
  const values = Object.hasOwn(element, "values") ? element["values"] : undefined;
  if (isObject(values)) {
    const extra = Object.keys(element).find((name) => name !== "ts" && name !== "values");
    if (extra !== undefined) return `"${extra.slice(0, 64)}" stands beside "values"`;
    return parsedReading(element["ts"], values);
  }
  if (Object.hasOwn(element, "ts")) return '"ts" needs the metrics in an object "values"';
  return parsedReading(undefined, element);
}

function parsedReading(ts: unknown, values: PayloadReading["values"]): PayloadReading | string {
  const count = countOf(values);
  return count === 0 ? "it has no values" : { ts, values, count, written: null };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isHugeNumber(value);
}

function countOf(values: PayloadReading["values"]): number {
  let count = 0;
  for (const _ in values) count += 1;
  return count;
}

function refused(reason: QuarantineReason, detail: string): DecodedPayload {
  return { readings: [], faults: [{ reason, detail }] };
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counts brackets without recursion. Most payloads have fewer than would be needed, wherever they stand. */
function isTooDeep(bytes: Uint8Array): boolean {
  let openers = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    // `[` and `{` differ in one bit.
    if (((bytes[i] ?? 0) | 0x20) === 0x7b) openers += 1;
  }
  return openers > LIMITS.jsonDepthMax && depthOf(bytes) > LIMITS.jsonDepthMax;
}

function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    if (inText) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) {
      inText = true;
    } else if ((byte | 0x20) === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if ((byte | 0x20) === 0x7d) {
      depth -= 1;
    }
  }
  return deepest;
}
