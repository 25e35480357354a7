import { LIMITS } from "../core/limits.ts";

const PATH_CHARACTERS = 200;
const PLAIN_NAME = /^[A-Za-z_$][\w$]*$/;

interface Found {
  readonly path: readonly string[];
  readonly fault: string;
  readonly remedy: string;
}

/**
 * What a value that is no JSON has in it, where, and what to do instead: only asked for when `assertJson` has refused it, so that its walk
 * keeps no path. Null when nothing is found, such as of a getter that answers differently each time. Never throws.
 */
export function jsonFault(value: unknown): string | null {
  try {
    const found = faultIn(value, [], []);
    if (found === null) return null;
    return `${pathText(found.path)} ${found.fault}, and what is kept is JSON: ${found.remedy}`;
  } catch {
    // A Proxy or a getter can answer with an error to every question.
    return null;
  }
}

function faultIn(value: unknown, path: readonly string[], above: readonly object[]): Found | null {
  const scalar = faultOfScalar(value);
  if (scalar !== null) return { path, ...scalar };
  if (typeof value !== "object" || value === null) return null;
  const fault = above.includes(value)
    ? CYCLE
    : above.length >= LIMITS.functionValueDepthMax
      ? TOO_DEEP
      : ofClass(value);
  if (fault !== null) return { path, ...fault };
  const within = [...above, value];
  const names = Array.isArray(value) ? value.keys() : namesOf(value);
  for (const name of names) {
    const step =
      typeof name === "number" ? `[${name}]` : PLAIN_NAME.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    const found = faultIn(Reflect.get(value, name), [...path, step], within);
    if (found !== null) return found;
  }
  return null;
}

type Fault = Omit<Found, "path">;

const CYCLE: Fault = { fault: "leads back to what it lies in", remedy: "keep an id of it instead" };
const TOO_DEEP: Fault = {
  fault: `is nested deeper than ${LIMITS.functionValueDepthMax} levels`,
  remedy: "keep it flatter, such as a list with ids of parents",
};

function faultOfScalar(value: unknown): Fault | null {
  switch (typeof value) {
    case "undefined":
      return { fault: "is undefined", remedy: "leave it out, or keep null" };
    case "number":
      return Number.isFinite(value) ? null : { fault: `is ${value}`, remedy: "leave it out, or keep null" };
    case "bigint":
      return {
        fault: "is a bigint",
        remedy: "keep it as a text (String(n)), and make it a BigInt again when it is used",
      };
    case "function":
    case "symbol":
      return { fault: `is a ${typeof value}`, remedy: "keep data only" };
    default:
      return null;
  }
}

function ofClass(value: object): Fault | null {
  if (value instanceof Map) return { fault: "is a Map", remedy: "keep an object, or its entries ([...map])" };
  if (value instanceof Set) return { fault: "is a Set", remedy: "keep a list ([...set])" };
  if (value instanceof Date) return { fault: "is a Date", remedy: "keep its UTC ms (date.getTime())" };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) return null;
  const name: unknown = value.constructor.name;
  const of = typeof name === "string" && PLAIN_NAME.test(name) && name.length <= 64 ? ` (${name})` : "";
  return { fault: `is an object of a class${of}`, remedy: "keep its fields in a plain object, or a list of numbers" };
}

/** As `assertJson` walks. */
function* namesOf(value: object): Generator<string> {
  for (const name in value) yield name;
}

function pathText(steps: readonly string[]): string {
  const text = steps.join("").replace(/^\./, "");
  if (text === "") return "it";
  return text.length <= PATH_CHARACTERS ? text : `${text.slice(0, PATH_CHARACTERS)}…`;
}
