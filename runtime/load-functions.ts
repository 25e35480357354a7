import { compileFunction } from "node:vm";
import * as publicModule from "../kit/function.ts";
import { MillraceError, errorText, isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { cutName } from "../kit/definition-error.ts";
import { deterministicGlobals } from "./deterministic-globals.ts";
import { rememberShared, undoShared } from "./shared-objects.ts";
import type { StageFunction } from "../core/function.ts";

const PUBLIC_MODULE = "millrace/function";
/** Under a folder, so that frames of dead letters name it. */
const FILE = "/function/bundle.js";
const NAME = /^[a-z][a-z0-9-]*$/;
/**
 * Else a change to what is read only would be passed over without a word. It is put before the code here and not when it is bundled, so that the
 * hash of what is deployed stays; on a line of its own, which is not counted, so that places in the code stay too.
 */
const STRICT = '"use strict";\n';
const STRICT_LINES = 1;
const CHANGES_SHOWN = 5;

/** What stands for the real thing of the same name. */
export type GivenGlobals = Readonly<Record<"console", object>> | Readonly<Record<string, never>>;

/**
 * Runs the code of a bundle, in strict mode, and returns the functions that it exports, by name. What a function may not have, because a replay would find
 * another (the clock, randomness, the process, the network), is hidden from it. That keeps honest code deterministic; it is no boundary
 * against hostile code. FUNCTION_INVALID when it throws or exports what is no function.
 */
export function loadFunctions(code: string, given: GivenGlobals = {}): readonly StageFunction[] {
  const exported = loadModule(code, given);
  try {
    return functionsIn(exported);
  } catch (cause) {
    if (isMillraceError(cause, "FUNCTION_INVALID")) throw cause;
    const remedy = "Export what defineMap or defineStream returns, and nothing that throws when it is looked at.";
    throw invalid(`what it exports cannot be read, by a getter or a Proxy: ${errorText(cause)}`, remedy, cause);
  }
}

function functionsIn(exported: Readonly<Record<string, unknown>>): readonly StageFunction[] {
  const functions = Object.values(exported).filter(isStageFunction);
  if (functions.length === 0) {
    const names = Object.keys(exported);
    const what = names.length === 0 ? "exports nothing" : `exports no function: ${names.join(", ")} is none`;
    throw invalid(
      `it ${what}`,
      "Export what defineMap or defineStream returns: export const dewPoint = defineMap({...}).",
    );
  }
  const byName = new Map(functions.map((fn) => [fn.name, fn]));
  for (const fn of byName.values()) requireName(fn.name);
  // The same function under two exports is one; two of one name are not.
  if (byName.size < new Set(functions).size) {
    throw invalid("it exports two functions of the same name", "Give each function a name of its own.");
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What the code of a bundle exports, functions or not. FUNCTION_INVALID when it throws. */
export function loadModule(code: string, given: GivenGlobals = {}): Readonly<Record<string, unknown>> {
  const module = { exports: {} as unknown };
  const globals = { ...deterministicGlobals(), ...given, module, exports: module.exports, require: requirePublic };
  const wrapped = compile(code, Object.keys(globals));
  const shared = rememberShared();
  let changed: readonly string[] = [];
  try {
    if (typeof wrapped === "function") Reflect.apply(wrapped, undefined, Object.values(globals));
  } catch (cause) {
    // Its own line is not known here: who has the source map finds it by the cause's stack.
    if (isMillraceError(cause, "FUNCTION_INVALID")) throw invalid(cause.message, cause.remedy ?? "", cause);
    throw invalid(`it throws when it is loaded: ${errorText(cause)}`, "Correct the file and deploy again.", cause);
  } finally {
    changed = undoShared(shared);
  }
  if (changed.length > 0) throw changesShared(changed);
  return isObject(module.exports) ? module.exports : {};
}

function changesShared(changed: readonly string[]): MillraceError {
  const shown = changed.slice(0, CHANGES_SHOWN).join(", ");
  const more = changed.length > CHANGES_SHOWN ? ` and ${changed.length - CHANGES_SHOWN} more` : "";
  return invalid(
    `it changes ${shown}${more} when it is loaded, which it shares with the functions beside it`,
    "Write a function of your own instead, and call it. Leave out a package that does so, such as a polyfill: Node has what it adds.",
  );
}

function compile(code: string, names: readonly string[]): unknown {
  try {
    return compileFunction(STRICT + code, names, { filename: FILE, lineOffset: -STRICT_LINES });
  } catch (cause) {
    const remedy = "Correct the file, or what it imports: all of it is strict mode code. Then deploy again.";
    throw invalid(`it does not compile: ${errorText(cause)}`, remedy, cause);
  }
}

function requirePublic(name: unknown): unknown {
  if (name === PUBLIC_MODULE) return publicModule;
  throw new TypeError(`"${String(name)}" cannot be required here: import it, so that it is bundled`);
}

function isStageFunction(value: unknown): value is StageFunction {
  if (!isObject(value) || typeof value["name"] !== "string" || !Array.isArray(value["outputs"])) return false;
  if (value["input"] !== "readings") return false;
  return value["kind"] === "map"
    ? isCallable(value["process"])
    : value["kind"] === "stream" && isCallable(value["onInput"]);
}

function requireName(name: string): void {
  if (NAME.test(name) && name.length <= LIMITS.functionNameCharactersMax) return;
  const text = `"${cutName(name)}" is no name for a function`;
  throw invalid(
    text,
    `Use lower-case letters, digits and "-", a letter first, ${LIMITS.functionNameCharactersMax} at most.`,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isCallable(value: unknown): boolean {
  return typeof value === "function";
}

function invalid(text: string, remedy: string, cause?: unknown): MillraceError {
  return new MillraceError("FUNCTION_INVALID", text, { remedy, ...(cause === undefined ? {} : { cause }) });
}
