import { LIMITS } from "../core/limits.ts";

/** Of a number, a boolean or null with its comma; no number's text is longer than 25. */
const SCALAR_BYTES = 12;
/** Of quotes, colon and comma, or of a pair of brackets. */
const FRAME_BYTES = 4;

/**
 * Throws a TypeError unless the value is the same after a way through JSON: what JSON.stringify would drop or turn into null
 * (undefined, NaN, infinities, functions, dates, maps) would differ between a live run and a restored one. Negative zero alone comes
 * back as zero. Returns about how many bytes its text takes: the same for the same value, whoever asks.
 */
export function assertJson(value: unknown, depth = 0): number {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON value`);
      return SCALAR_BYTES;
    case "string":
      return value.length + FRAME_BYTES;
    case "boolean":
      return SCALAR_BYTES;
    case "object":
      return value === null ? SCALAR_BYTES : assertJsonObject(value, depth);
    default:
      throw new TypeError(`a value of type ${typeof value} is not a JSON value`);
  }
}

function assertJsonObject(value: object, depth: number): number {
  if (depth >= LIMITS.functionValueDepthMax)
    throw new TypeError(`a value nested deeper than ${LIMITS.functionValueDepthMax} levels (or in itself) is refused`);
  if (Array.isArray(value)) return assertJsonArray(value, depth);
  if (!isPlainObject(value)) throw new TypeError("only plain objects are JSON values");
  let bytes = FRAME_BYTES;
  // for-in over a plain object costs a third of Object.values: this runs for every output and every state change.
  for (const name in value) bytes += name.length + FRAME_BYTES + assertJsonItem(value[name], depth);
  return bytes;
}

function assertJsonArray(items: readonly unknown[], depth: number): number {
  let bytes = FRAME_BYTES + items.length * SCALAR_BYTES;
  for (let i = 0; i < items.length; i += 1) {
    const item = items[i];
    // Windows are long arrays of numbers: x − x is 0 for all of them but NaN and the infinities.
    if (typeof item !== "number" || item - item !== 0) bytes += assertJsonItem(item, depth);
  }
  return bytes;
}

function isPlainObject(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function assertJsonItem(item: unknown, depth: number): number {
  if (typeof item === "string") return item.length + FRAME_BYTES;
  if (typeof item === "number" && Number.isFinite(item)) return SCALAR_BYTES;
  return assertJson(item, depth + 1);
}
