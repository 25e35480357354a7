import { MillraceError } from "../core/errors.ts";

/** Of a name in a message: what to do comes behind it. */
const NAME_CHARACTERS = 80;

/** What is wrong with a function's definition: found when it is defined, so that it is never deployed. */
export function definitionError(fn: string, fault: string, remedy: string): MillraceError {
  return new MillraceError("FUNCTION_INVALID", `function "${cutName(fn)}": ${fault}`, { remedy });
}

/** A name as it can stand in a message, whatever somebody has given as one. */
export function cutName(name: string): string {
  return name.length <= NAME_CHARACTERS ? name : `${name.slice(0, NAME_CHARACTERS).toWellFormed()}…`;
}

/** FUNCTION_INVALID unless it is an object, which untyped code may not give. */
export function requireDefinition(definedWith: string, definition: unknown, fields: string): void {
  if (typeof definition === "object" && definition !== null && !Array.isArray(definition)) return;
  const given =
    definition === null ? "null" : Array.isArray(definition) ? "a list" : `a value of type ${typeof definition}`;
  throw new MillraceError("FUNCTION_INVALID", `${definedWith} is given ${given}`, {
    remedy: `Give it an object: ${definedWith}({ ${fields} }).`,
  });
}
