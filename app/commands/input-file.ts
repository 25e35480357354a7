import { readFileSync } from "node:fs";
import { MillraceError, errorText, isMillraceError } from "../../core/errors.ts";

/** Reads a file that the user named and makes of it what `parse` makes. Errors name the file: INVALID_INPUT. */
export function readInputFile<T>(file: string, parse: (text: string) => T): T {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new MillraceError("INVALID_INPUT", `${file} cannot be read: ${errorText(cause)}`, {
      cause,
      remedy: "Name a file that is there.",
    });
  }
  try {
    return parse(text);
  } catch (cause) {
    if (!isMillraceError(cause)) throw cause;
    const { code, remedy } = cause;
    throw new MillraceError(code, `${file}: ${cause.message}`, { cause, ...(remedy === undefined ? {} : { remedy }) });
  }
}
