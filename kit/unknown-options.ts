import { MillraceError } from "../core/errors.ts";
import { definitionError } from "./definition-error.ts";
import { userDetailsOf } from "./user-function.ts";
import type { StageFunction } from "../core/function.ts";

const SELECT = ["type", "labels"];
const SIDE = ["input", "select", "key"];

/** What is wrong with a definition that has options nobody reads, such as `selct`, with the stack of where it is defined; null when all are known. */
export function unknownOptionsFault(
  definition: { readonly name: string },
  definedWith: string,
  known: readonly string[],
): MillraceError | null {
  const unknown = unknownIn(definition, known, "");
  if (unknown.length === 0) return null;
  const what = unknown.length === 1 ? "is no option" : "are no options";
  const fault = `${unknown.join(", ")} ${what} of ${definedWith}, and nobody reads ${unknown.length === 1 ? "it" : "them"}`;
  return definitionError(definition.name, fault, `correct it or leave it out; there are ${known.join(", ")}`);
}

/**
 * Where somebody writes or deploys a function: a misspelt `select` would have it run for all devices. Code that was deployed before is loaded
 * without this, so that a new release does not refuse what runs. FUNCTION_INVALID.
 */
export function requireKnownOptions(functions: readonly StageFunction[]): void {
  for (const fn of functions) {
    const fault = userDetailsOf(fn)?.unknownOptions ?? null;
    if (fault === null) continue;
    const { message, remedy } = fault;
    throw new MillraceError("FUNCTION_INVALID", message, { cause: fault, ...(remedy === undefined ? {} : { remedy }) });
  }
}

function unknownIn(value: unknown, known: readonly string[], prefix: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (!known.includes(name)) return [prefix + name];
    if (name === "select") return unknownIn(inner, SELECT, `${prefix}select.`);
    return name === "left" || name === "right" ? unknownIn(inner, SIDE, `${name}.`) : [];
  });
}
