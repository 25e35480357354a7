import { createBareProgram } from "./bare-program.ts";
import { addStartCommand } from "./commands/add-start-command.ts";
import { isStart } from "./is-start.ts";
import { runProgram } from "./run-program.ts";
import type { Command } from "commander";

/** The command line, as `runProgram` runs it. */
export async function main(argv: readonly string[]): Promise<void> {
  await runProgram(await programFor(argv), argv);
}

/** The command that an installation runs loads none of the others: what they load would stay in its memory for good. */
async function programFor(argv: readonly string[]): Promise<Command> {
  if (!isStart(argv.slice(2))) return (await import("./all-commands.ts")).createProgram();
  const program = createBareProgram();
  addStartCommand(program);
  return program;
}
