const DEPTH_MAX = 32;

/**
 * Throws a TypeError unless the value is the same after a way through JSON: what JSON.stringify would drop or turn into null
 * (undefined, NaN, infinities, functions, dates, maps) would differ between a live run and a restored one.
 */
export function assertJson(value: unknown, depth = 0): void {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON value`);
      return;
    case "string":
    case "boolean":
      return;
    case "object":
      if (value !== null) assertJsonObject(value, depth);
      return;
    default:
      throw new TypeError(`a value of type ${typeof value} is not a JSON value`);
  }
}

function assertJsonObject(value: object, depth: number): void {
  if (depth >= DEPTH_MAX)
    throw new TypeError(`a value nested deeper than ${DEPTH_MAX} levels (or in itself) is refused`);
  if (Array.isArray(value)) {
    assertJsonArray(value, depth);
    return;
  }
  if (!isPlainObject(value)) throw new TypeError("only plain objects are JSON values");
  // for-in over a plain object costs a third of Object.values: this runs for every output and every state change.
  for (const name in value) assertJsonItem(value[name], depth);
}

function assertJsonArray(items: readonly unknown[], depth: number): void {
  for (let i = 0; i < items.length; i += 1) {
    const item = items[i];
    // Windows are long arrays of numbers: x − x is 0 for all of them but NaN and the infinities.
    if (typeof item !== "number" || item - item !== 0) assertJsonItem(item, depth);
  }
}

function isPlainObject(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function assertJsonItem(item: unknown, depth: number): void {
  if (typeof item === "string" || (typeof item === "number" && Number.isFinite(item))) return;
  assertJson(item, depth + 1);
}
