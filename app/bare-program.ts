import { Command, Option } from "commander";
import { packageVersion } from "./package-version.ts";

/** The program with what all commands have in common, and without any. */
export function createBareProgram(): Command {
  return (
    new Command("millrace")
      .description(
        "Device telemetry over MQTT, typed functions on the stream, ClickHouse tables, live dashboards and alarms.",
      )
      .version(packageVersion(), "-V, --version", "print the version")
      .configureHelp({ showGlobalOptions: true })
      // `main` says what is wrong, in one style with all other failures.
      .configureOutput({ outputError: () => undefined, writeErr: () => undefined })
      .addOption(new Option("--data <dir>", "data directory (default: data, or MILLRACE_DATA)"))
      .addOption(new Option("--json", "print JSON for programs, errors too"))
  );
}
