import { MillraceError } from "../core/errors.ts";

/** What is wrong with a function's definition: found when it is defined, so that it is never deployed. */
export function definitionError(fn: string, fault: string, remedy: string): MillraceError {
  return new MillraceError("FUNCTION_INVALID", `function "${fn}": ${fault}`, { remedy });
}
