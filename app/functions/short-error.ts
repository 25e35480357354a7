import { errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

const STACK_CHARACTERS = 16_384;

/** What users' code has thrown, as long as it can be told: an answer that is longer than is read of it says nothing at all. */
export function shortText(error: unknown): string {
  return errorText(error).slice(0, LIMITS.deadLetterErrorCharactersMax).toWellFormed();
}

/** Its end, where the frames are: it begins with the whole message. Never throws: Node writes it when it is read, and asks the error for its message. */
export function shortStack(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack).slice(-STACK_CHARACTERS).toWellFormed() : "";
  } catch {
    return "";
  }
}
