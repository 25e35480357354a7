import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { EXIT } from "./output.ts";
import type { Command, CommanderError } from "commander";

/** What commander refuses, as any other failure: the sentence without its "error:", and the hint in words. */
export function usageError(error: CommanderError): MillraceError {
  const lines = error.message.replace(/^error: /, "").split("\n");
  const sentences = lines.map((line) => sentence(line.trim().replace(/^\((.*)\)$/, "$1")));
  return new MillraceError("INVALID_INPUT", sentences.join(" "), { cause: error });
}

/** What was typed is wrong: the command's own help says how it is meant, unless the error knows better. */
export function withHelpHint(error: unknown, command: Command): unknown {
  if (!isUsage(error) || error.remedy !== undefined) return error;
  const remedy = `See ${fullName(command)} --help.`;
  return new MillraceError(error.code, error.message, { cause: error, remedy });
}

export function exitCodeOf(error: unknown): number {
  return isUsage(error) ? EXIT.usage : EXIT.failed;
}

/** Decided by code: nothing but another input or another setting helps. */
function isUsage(error: unknown): error is MillraceError {
  return ["INVALID_INPUT", "CONFIG_INVALID", "FUNCTION_INVALID"].some(
    (code) => isMillraceError(error) && error.code === code,
  );
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** What happened, why, and what to do, for people; `{code, message, remedy}` for programs. */
export function formatFailure(error: unknown, json: boolean): string {
  if (!isMillraceError(error)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return json ? JSON.stringify({ error: { code: null, message: text } }) : `millrace: ${text}`;
  }
  if (json) return JSON.stringify({ error: { code: error.code, message: error.message, remedy: error.remedy } });
  return [
    "millrace:",
    sentence(error.message),
    ...(error.remedy === undefined ? [] : [capital(sentence(error.remedy))]),
  ].join(" ");
}

/** Messages come from every room, and from ClickHouse: some with a full stop, some without, some with blanks behind it. */
function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.?!]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
