import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { errorText, MillraceError } from "../../core/errors.ts";
import { parseJson } from "../../core/parse-json.ts";
import { findDeadLetters, type DeadLetterOptions } from "./dead-letters.ts";
import { editText } from "./edit-text.ts";
import { EXIT } from "./output.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { ApiClient } from "./api-client.ts";

export interface EditOptions extends DeadLetterOptions {
  /** File with the edited payload; `-` for standard input. Absent: an editor is opened. */
  readonly payload?: string;
}

const STANDARD_INPUT = 0;

/** `millrace dlq edit SOURCE`: runs the function again on what the user makes of the record. */
export async function editDeadLetter(api: ApiClient, source: string, options: EditOptions): Promise<number> {
  const [letter, ...others] = await findDeadLetters(api, source, options);
  if (letter === undefined || others.length > 0) {
    const names = [letter, ...others].map((one) => one?.function).join(", ");
    throw new MillraceError("INVALID_INPUT", `several functions have failed on ${source}: ${names}`, {
      remedy: "Name one with --function.",
    });
  }
  const edited = options.payload === undefined ? editInEditor(letter) : readPayload(options.payload);
  if (edited === null) {
    console.log(options.json ? JSON.stringify({ edited: false }) : "Nothing was changed, and nothing is run.");
    return EXIT.ok;
  }
  const { device, function: name, received, source: at } = letter;
  const payload = edited.toString("base64");
  const body = { device, function: name, received, source: at, payload };
  const { attempt } = await api.send<{ attempt: number }>("POST", "/dead-letters/edit", body);
  const text = `${name} is run again on the edited record, the ${ORDINALS[attempt - 1] ?? "last"} time.`;
  console.log(options.json ? JSON.stringify({ edited: true, attempt }) : text);
  return EXIT.ok;
}

const ORDINALS = ["first", "second", "third"];

/** JSON is laid out to be edited, and put back as it is sent. Null when it is still the same. */
function editInEditor({ payload }: QueuedDeadLetter): Buffer | null {
  const bytes = Buffer.from(payload, "base64");
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) {
    throw new MillraceError("INVALID_INPUT", "the payload is no text", {
      remedy: "Write the edited one into a file, and name it with --payload.",
    });
  }
  const json = parseJson(text);
  if (json === undefined) {
    const edited = editText(text, "payload.txt");
    return edited === text ? null : Buffer.from(edited);
  }
  const edited = editText(`${JSON.stringify(json, null, 2)}\n`, "payload.json");
  const value = parseJson(edited);
  // What is no JSON any more goes as it is: the instance says what is wrong with it.
  if (value === undefined) return Buffer.from(edited);
  return isDeepStrictEqual(value, json) ? null : Buffer.from(JSON.stringify(value));
}

function readPayload(file: string): Buffer {
  try {
    return readFileSync(file === "-" ? STANDARD_INPUT : file);
  } catch (cause) {
    throw new MillraceError("INVALID_INPUT", `${file} cannot be read: ${errorText(cause)}`, {
      cause,
      remedy: "Name a file that is there, or - for standard input.",
    });
  }
}
