/** What a library may set for all: it says how stacks look, and changes no result. */
const LEFT_ALONE: readonly PropertyKey[] = ["stackTraceLimit", "prepareStackTrace"];

const NAMES =
  `Object Function Array String Number Boolean BigInt Symbol RegExp Date Math JSON Reflect Atomics Intl Promise Proxy Map Set WeakMap WeakSet
  WeakRef Iterator ArrayBuffer SharedArrayBuffer DataView Uint8Array Uint8ClampedArray Uint16Array Uint32Array Int8Array Int16Array Int32Array
  Float32Array Float64Array BigInt64Array BigUint64Array Error TypeError RangeError SyntaxError ReferenceError EvalError URIError
  AggregateError Buffer URL URLSearchParams TextEncoder TextDecoder`.split(/\s+/);

type Properties = ReadonlyMap<PropertyKey, PropertyDescriptor>;

/** JavaScript's own objects with what they had: all code of a thread shares them. */
export type SharedObjects = readonly { readonly path: string; readonly object: object; readonly had: Properties }[];

/** To be asked before code is run that must not change them. */
export function rememberShared(): SharedObjects {
  return sharedObjects().map(([path, object]) => ({ path, object, had: propertiesOf(object) }));
}

/** What was changed since, such as `Array.prototype.last`; it is put back, so that the thread's other code is not hurt. */
export function undoShared(shared: SharedObjects): readonly string[] {
  return shared.flatMap(({ path, object, had }) => {
    const has = propertiesOf(object);
    const changed = [...new Set([...had.keys(), ...has.keys()])].filter((name) => {
      return !LEFT_ALONE.includes(name) && !isSame(had.get(name), has.get(name));
    });
    for (const name of changed) putBack(object, name, had.get(name));
    return changed.map((name) => (typeof name === "symbol" ? `${path}[${String(name)}]` : `${path}.${String(name)}`));
  });
}

function sharedObjects(): readonly (readonly [path: string, object: object])[] {
  const found = NAMES.flatMap((name): (readonly [string, object])[] => {
    const object: unknown = Reflect.get(globalThis, name);
    if (!isObject(object)) return [];
    const prototype: unknown = Reflect.get(object, "prototype");
    return isObject(prototype)
      ? [[name, object] as const, [`${name}.prototype`, prototype] as const]
      : [[name, object]];
  });
  const ofArrays: unknown = Object.getPrototypeOf(Uint8Array.prototype);
  return isObject(ofArrays) ? [...found, ["TypedArray.prototype", ofArrays]] : found;
}

function propertiesOf(object: object): Properties {
  const properties = new Map<PropertyKey, PropertyDescriptor>();
  for (const name of Reflect.ownKeys(object)) {
    const property = Object.getOwnPropertyDescriptor(object, name);
    if (property !== undefined) properties.set(name, property);
  }
  return properties;
}

function isSame(one: PropertyDescriptor | undefined, other: PropertyDescriptor | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Object.is(one.value, other.value) && one.get === other.get && one.set === other.set;
}

/** What the code has made unchangeable stays. */
function putBack(object: object, name: PropertyKey, had: PropertyDescriptor | undefined): void {
  if (had === undefined) Reflect.deleteProperty(object, name);
  else Reflect.defineProperty(object, name, had);
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
