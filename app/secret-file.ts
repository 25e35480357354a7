import { readFileSync } from "node:fs";
import { errorText, MillraceError } from "../core/errors.ts";

/** What a file holds besides blanks, as it is now. CONFIG_INVALID when it cannot be read, or is empty; `what` it is: `the file with …`. */
export function secretOfFile(file: string, what: string): string {
  const text = contentOf(file, what).trim();
  if (text !== "") return text;
  throw new MillraceError("CONFIG_INVALID", `${what} is empty: ${file}`);
}

function contentOf(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new MillraceError("CONFIG_INVALID", `${what} cannot be read: ${errorText(error)}`, { cause: error });
  }
}
