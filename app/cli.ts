import { Command, CommanderError, Option } from "commander";
import { errorText } from "../core/errors.ts";
import { exitCodeOf, formatFailure, usageError, withHelpHint } from "./commands/failure.ts";
import { EXIT } from "./commands/output.ts";
import { addDevelopmentCommands } from "./commands/add-development-commands.ts";
import { addDeviceCommands } from "./commands/add-device-commands.ts";
import { addDeadLetterCommands } from "./commands/add-dead-letter-commands.ts";
import { addFunctionCommands } from "./commands/add-function-commands.ts";
import { addDataCommands } from "./commands/add-data-commands.ts";
import { addInstanceCommands } from "./commands/add-instance-commands.ts";
import { addStartCommand } from "./commands/add-start-command.ts";
import { addSimulateCommand } from "./commands/add-simulate-command.ts";
import { packageVersion } from "./package-version.ts";

/** The command line. Every command ends with an exit code of `EXIT`; failures are one sentence with its remedy. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = createProgram();
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

/** All commands, without running one: the documentation test walks it. */
export function createProgram(): Command {
  const program = new Command("millrace")
    .description(
      "Device telemetry over MQTT, typed functions on the stream, ClickHouse tables, live dashboards and alarms.",
    )
    .version(packageVersion(), "-V, --version", "print the version")
    .configureHelp({ showGlobalOptions: true })
    // `main` says what is wrong, in one style with all other failures.
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined })
    .addOption(new Option("--data <dir>", "data directory (default: data, or MILLRACE_DATA)"))
    .addOption(new Option("--json", "print JSON for programs, errors too"));
  addStartCommand(program);
  addDeviceCommands(program);
  addFunctionCommands(program);
  addDataCommands(program);
  addDeadLetterCommands(program);
  addInstanceCommands(program);
  addSimulateCommand(program);
  addDevelopmentCommands(program);
  return program;
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
  process.exit(70);
});
