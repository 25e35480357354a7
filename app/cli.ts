import { createRequire } from "node:module";
import { Command, CommanderError, Option } from "commander";
import { errorText } from "../core/errors.ts";
import { EXIT, formatFailure } from "./commands/output.ts";
import { addDeviceCommands } from "./commands/add-device-commands.ts";
import { addDataCommands } from "./commands/add-data-commands.ts";
import { addStartCommand } from "./commands/add-start-command.ts";
import { addSimulateCommand } from "./commands/add-simulate-command.ts";

/** The command line. Every command ends with an exit code of `EXIT`; failures are one sentence with its remedy. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = createProgram();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    console.error(formatFailure(error, argv.includes("--json")));
    process.exitCode = EXIT.failed;
  }
}

/** All commands, without running one: the documentation test walks it. */
export function createProgram(): Command {
  const program = new Command("millrace")
    .description(
      "Device telemetry over MQTT, typed functions on the stream, ClickHouse tables, live dashboards and alarms.",
    )
    .version(version(), "-V, --version", "print the version")
    .exitOverride()
    .showHelpAfterError("(millrace --help lists the commands)")
    .addOption(new Option("--data <dir>", "data directory (default: data, or MILLRACE_DATA)"))
    .addOption(new Option("--json", "print JSON for programs").default(false));
  addStartCommand(program);
  addDeviceCommands(program);
  addDataCommands(program);
  addSimulateCommand(program);
  return program;
}

function version(): string {
  const manifest: unknown = createRequire(import.meta.url)("../package.json");
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error("package.json has no version");
}

process.on("unhandledRejection", (error: unknown) => {
  // A programmer's error: say it and end, so that a supervisor starts a whole process again.
  console.error(`millrace: ${errorText(error)}`, error);
  process.exit(70);
});
