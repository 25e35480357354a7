import { MillraceError } from "../../core/errors.ts";
import { isId } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";

/** INVALID_INPUT unless both are ids. */
export function requireIds(...ids: readonly string[]): void {
  for (const id of ids) if (!isId(id)) throw refused(`${JSON.stringify(id)} is not an id`);
}

/** INVALID_INPUT unless [from, to) is a range of times. */
export function requireRange({ from, to }: { readonly from: number; readonly to: number }): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0)
    throw refused("a range of time runs between two UTC times in ms");
  if (to < from) throw refused("a range of time ends before it begins");
}

/** INVALID_INPUT unless the range has a length that may be asked for. Lists need no such bound: their limit is theirs. */
export function requireSpan({ from, to }: { readonly from: number; readonly to: number }): void {
  if (to - from > LIMITS.queryRangeMsMax) throw refused(`a range of time may span ${LIMITS.queryRangeMsMax} ms`);
}

/** INVALID_INPUT unless 1 ≤ count ≤ max. */
export function requireCount(count: number, max: number): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > max)
    throw refused(`a limit is a whole number from 1 to ${max}`);
}

function refused(text: string): MillraceError {
  return new MillraceError("INVALID_INPUT", text);
}
