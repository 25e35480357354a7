import { LIMITS } from "../../core/limits.ts";
import { listDeadLetters, redriveDeadLetters, showDeadLetter } from "./dead-letters.ts";
import { editDeadLetter, type EditOptions } from "./edit-dead-letter.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { wholeNumber } from "./number-option.ts";
import type { Command } from "commander";
import type { DeadLetterOptions, RedriveOptions } from "./dead-letters.ts";

const RATE_DEFAULT = "50";

/** `millrace dlq ls|show|edit|redrive`. */
export function addDeadLetterCommands(program: Command): void {
  const dlq = program.command("dlq").description("the dead letters: records on which functions have failed");

  withFilter(dlq.command("ls"))
    .description("list them, each record and function once, newest first")
    .option("--limit <rows>", "at most this many", wholeNumber(1, LIMITS.pageSizeMax), "100")
    .action(async (options: DeadLetterOptions & { limit: string }, command: Command) => {
      process.exitCode = await listDeadLetters(apiOf(command), { ...globalOptions(command), ...options });
    });
  withFilter(dlq.command("show <source>"))
    .description("show one with its stack and payload; the source is as ls prints it")
    .action(async (source: string, options: DeadLetterOptions, command: Command) => {
      process.exitCode = await showDeadLetter(apiOf(command), source, { ...globalOptions(command), ...options });
    });
  withFilter(dlq.command("edit <source>"))
    .description("run one's function again on a record that you edit; three times at most, redrives included")
    .option("--payload <file>", "the edited payload, - for standard input (default: opens $EDITOR)")
    .action(async (source: string, options: EditOptions, command: Command) => {
      process.exitCode = await editDeadLetter(apiOf(command), source, { ...globalOptions(command), ...options });
    });
  withFilter(dlq.command("redrive"))
    .description("run their records again on the function that failed, oldest first; three times at most")
    .option("--all", "without a filter: all of them")
    .option("--dry-run", "only count them")
    .option("--rate <records>", "records per second", wholeNumber(1, LIMITS.redriveRateMax), RATE_DEFAULT)
    .action(async (options: RedriveOptions, command: Command) => {
      process.exitCode = await redriveDeadLetters(apiOf(command), { ...globalOptions(command), ...options });
    });
}

function withFilter(command: Command): Command {
  return withInstanceOptions(command)
    .option("--function <name>", "only of this function")
    .option("--error-class <class>", "only of this class: TypeError, TimeoutError, …")
    .option("--device <id>", "only of this device")
    .option("--from <time>", "received at this time or later, ISO 8601 or UTC ms")
    .option("--to <time>", "received before this time");
}
