import { errorText } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

/**
 * What was thrown, with what it was caused by and the errors that it is made of, as far as a dead letter has room. What its text says already is not
 * said again. Never throws.
 */
export function errorDetails(error: unknown): string {
  const text = detailsOf(error, 0).slice(0, LIMITS.deadLetterErrorCharactersMax);
  return text.toWellFormed();
}

function detailsOf(error: unknown, depth: number): string {
  let text = errorText(error).slice(0, LIMITS.deadLetterErrorCharactersMax);
  if (depth >= LIMITS.deadLetterErrorDepthMax) return text;
  for (const [name, inner] of innerOf(error)) {
    if (text.length >= LIMITS.deadLetterErrorCharactersMax) break;
    const more = detailsOf(inner, depth + 1);
    if (!text.includes(more)) text += ` (${name}: ${more})`;
  }
  return text;
}

/** Not more than can be told. A Proxy or a getter can answer with an error to every question. */
function innerOf(error: unknown): readonly (readonly [name: string, inner: unknown])[] {
  try {
    if (!(error instanceof Error)) return [];
    const errors: unknown = error instanceof AggregateError ? error.errors : [];
    const some = Array.isArray(errors) ? errors.slice(0, LIMITS.problemDetailsMax) : [];
    const cause = error.cause === undefined ? [] : [["cause", error.cause] as const];
    return [...some.map((inner: unknown) => ["of it", inner] as const), ...cause];
  } catch {
    return [];
  }
}
