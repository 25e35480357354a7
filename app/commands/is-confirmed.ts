import { createInterface } from "node:readline/promises";
import { MillraceError } from "../../core/errors.ts";
import type { Readable, Writable } from "node:stream";

export interface Confirmation {
  /** What would be done, as in "whether to …". */
  readonly what: string;
  /** The question, with what goes and what stays. */
  readonly question: string;
}

export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable;
}

/** Of a command that asks before it does something. */
export interface AskingOptions {
  /** Do not ask. */
  readonly yes: boolean;
  /** Where to ask; absent: that of this process. */
  readonly terminal?: Terminal;
}

/** Asks on the terminal; whatever is no yes is a no, also the end of the input. INVALID_INPUT where nobody can be asked. */
export async function isConfirmed(
  { what, question }: Confirmation,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (input.isTTY !== true) {
    throw new MillraceError("INVALID_INPUT", `nobody is there to be asked whether to ${what}`, {
      remedy: "Add --yes.",
    });
  }
  const asking = createInterface({ input, output });
  // A question that is closed is never answered otherwise: the process would end in the middle of it.
  const closed = new Promise<string>((resolve) => asking.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([asking.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}
