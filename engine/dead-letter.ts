import { errorText } from "../core/errors.ts";
import { deviceKey } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { errorDetails } from "./error-details.ts";
import { CondemnedCall } from "./numbered-calls.ts";
import type { DeadLetter } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";
import type { TopicName } from "../core/topics.ts";
import type { Output } from "./output-buffer.ts";

export interface DeadLetterInput {
  readonly tenant: string;
  readonly device: string;
  readonly function: string;
  readonly version: number;
  readonly error: unknown;
  readonly received: number;
  readonly source: { readonly topic: TopicName; readonly partition: number; readonly offset: number };
  readonly timer?: { readonly name: string; readonly at: number };
  /** The input whose processing failed; none for a timer. */
  readonly record: Pick<LogRecord, "value"> | null;
}

/** Which function a dead letter is of. `functionVersion` is `name@version`. */
export interface FunctionIdentity extends Pick<DeadLetterInput, "function" | "version"> {
  readonly functionVersion: string;
}

/** The engine's own names begin with `$`, which no function's may. */
export function engineIdentity(name: string): FunctionIdentity {
  return { function: name, version: 1, functionVersion: `${name}@1` };
}

/** Stands for the device in dead letters of records whose key names none. */
export const UNKNOWN_ID = "unknown";
/** The frame that called the function, or carries out what it asks for: what lies below it is the engine's. */
const CALLING_FILE = /(apply-call|function-runner|put-output)\.ts:/;
const FRAME = /^\s*at (?:(.*) \()?(.*[/\\])?([^/\\()]+:\d+:\d+)\)?$/;

/** What V8 says where strict code changes what is frozen. */
const WRITES_FROZEN =
  /^(Cannot (add|define) property [^]*, object is not extensible|Cannot (assign to read only|delete) property [^]* of [^]*|Cannot redefine property: [^]*|[^]* is not extensible)$/;
const READ_ONLY = "readings and state are read only; return a new state instead of changing the old";

export function deadLetterOutput({ functionVersion, ...input }: DeadLetterInput & FunctionIdentity): Output {
  const { tenant, device, received: timestamp } = input;
  const json = JSON.stringify(deadLetterOf(input));
  return { topic: "dead-letters", key: deviceKey(tenant, device), timestamp, functionVersion, json };
}

export function deadLetterOf(input: DeadLetterInput): DeadLetter {
  const { error, record } = input;
  return {
    v: 1,
    tenant: input.tenant,
    device: input.device,
    function: input.function,
    version: input.version,
    error: faultText(input.function, error),
    errorClass: errorClassOf(error),
    stack: stackOf(input.function, error),
    received: input.received,
    source: { ...input.source },
    ...(input.timer ? { timer: { ...input.timer } } : {}),
    payload: record === null ? "" : Buffer.from(record.value).toString("base64"),
  };
}

/** Never throws. With what to do where V8 says only that something is frozen, which the function's author has not done. */
function faultText(name: string, error: unknown): string {
  const text = errorDetails(error);
  if (name.startsWith("$") || !isTypeError(error) || !WRITES_FROZEN.test(errorText(error))) return text;
  return `${text}: ${READ_ONLY}`.slice(-LIMITS.deadLetterErrorCharactersMax).toWellFormed();
}

function isTypeError(error: unknown): boolean {
  try {
    return error instanceof TypeError;
  } catch {
    return false;
  }
}

/** Never throws: what a function throws may answer with an error to every question. */
function errorClassOf(error: unknown): string {
  try {
    if (error instanceof CondemnedCall) return error.errorClass;
    if (!(error instanceof Error)) return typeof error;
    const name: unknown = error.constructor.name;
    return typeof name === "string" ? name.slice(0, LIMITS.nameCharactersMax).toWellFormed() : "Error";
  } catch {
    return typeof error;
  }
}

/** None of what the engine says itself, and of a call that is not made. Never throws. */
function stackOf(name: string, error: unknown): string {
  try {
    if (!(error instanceof Error) || error instanceof CondemnedCall || name.startsWith("$")) return "";
    // A library that sets Error.prepareStackTrace makes of it what it likes.
    const stack: unknown = error.stack;
    return typeof stack === "string" ? portableStack(stack) : "";
  } catch {
    return "";
  }
}

/** The function's own frames with bare file names: the same bytes on every machine and wherever the project lies. */
export function portableStack(stack: string): string {
  const lines: string[] = [];
  for (const line of stack.split("\n")) {
    if (lines.length >= LIMITS.deadLetterStackLinesMax || CALLING_FILE.test(line)) break;
    // No real frame is so long: a function can write its stack itself.
    if (line.length > LIMITS.deadLetterErrorCharactersMax) continue;
    const frame = FRAME.exec(line);
    if (frame === null) continue;
    const [, name, folder, place] = frame;
    if (folder === undefined || folder.startsWith("node:")) continue;
    lines.push(name === undefined ? `at ${place}` : `at ${name} (${place})`);
  }
  return lines.join("\n");
}
