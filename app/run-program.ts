import { CommanderError, type Command } from "commander";
import { errorText } from "../core/errors.ts";
import { exitCodeOf, formatFailure, usageError, withHelpHint } from "./commands/failure.ts";
import { EXIT } from "./commands/output.ts";

/** The command line. Every command ends with an exit code of `EXIT`; failures are one sentence with its remedy. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  const json = argv.includes("--json");
  let current = program;
  program.hook("preAction", (_, action) => void (current = action));
  for (const command of withSubcommands(program)) {
    command.exitOverride((error) => {
      current = command;
      throw error;
    });
  }
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      process.exitCode = EXIT.ok;
      return;
    }
    if (error instanceof CommanderError && error.code === "commander.help" && !json) {
      console.error(current.helpInformation());
      process.exitCode = EXIT.usage;
      return;
    }
    const failure = withHelpHint(error instanceof CommanderError ? plainError(error) : error, current);
    console.error(formatFailure(failure, json));
    process.exitCode = exitCodeOf(failure);
  }
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((subcommand) => withSubcommands(subcommand))];
}

/** Commander prints help instead of a sentence when a command is missing. */
function plainError(error: CommanderError): unknown {
  return usageError(
    error.code === "commander.help" ? new CommanderError(1, error.code, "a command is missing") : error,
  );
}

process.on("unhandledRejection", (error: unknown) => {
  // A programmer's error: say it and end, so that a supervisor starts a whole process again.
  console.error(`millrace: ${errorText(error)}`, error);
  process.exit(EXIT.defect);
});
