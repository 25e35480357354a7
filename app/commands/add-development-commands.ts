import { Option } from "commander";
import { MillraceError } from "../../core/errors.ts";
import { HISTORY_SOURCES, type HistoryPlace, type HistorySource } from "../functions/history/open-history.ts";
import { backtestCommand } from "./backtest.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { devCommand } from "./dev.ts";
import { wholeNumber } from "./number-option.ts";
import { LIMITS } from "../../core/limits.ts";
import { initCommand } from "./init.ts";
import { recordCommand } from "./record.ts";
import { testCommand } from "./test-functions.ts";
import { parseTimeText } from "./time-text.ts";
import type { Command } from "commander";
import type { TimeRange } from "../functions/history/reading-history.ts";

const DAY_MS = 86_400_000;

const SOURCE_HELP = `
Readings come from the log in the data directory, beside the instance that runs on it or without one. Where there is no log (it may be on
Kafka), where it does not go back to --from, and with --url, they come from the tables of the running instance. A join needs the log.`;

interface PastOptions {
  readonly from?: string;
  readonly to?: string;
  readonly source?: HistorySource;
  readonly url?: string;
}

interface DevFlags {
  readonly fixture?: string;
  readonly live?: string;
  readonly records: string;
}

/** `millrace test|init|dev|record|backtest`: what somebody needs who writes functions. */
export function addDevelopmentCommands(program: Command): void {
  program
    .command("test [folder]")
    .description("run the tests (*.test.ts) of a functions project")
    .action(async (folder: string | undefined, _options: object, command: Command) => {
      process.exitCode = await testCommand(folder ?? ".", globalOptions(command));
    });
  program
    .command("init [folder]")
    .description("make a project for functions, with a first one and its test")
    .action((folder: string | undefined, _options: object, command: Command) => {
      process.exitCode = initCommand(folder ?? ".", globalOptions(command));
    });
  withInstanceOptions(program.command("dev [folder]"))
    .description("run the functions of a project whenever a file is saved, and show each record's path")
    .option("--fixture <name>", "over this fixture only (default: over all)")
    .option("--live <device>", "over what this device of a running instance sends, instead of fixtures")
    .option(
      "--records <n>",
      "show this many of each file and fixture",
      wholeNumber(1, LIMITS.recordedReadingsMax),
      "10",
    )
    .action(async (folder: string | undefined, options: DevFlags, command: Command) => {
      const { records, ...others } = options;
      const chosen = { ...others, records: Number(records) };
      process.exitCode = await devCommand(folder ?? ".", chosen, () => apiOf(command));
    });
  withPastOptions(program.command("record"))
    .description("print readings of the past as a fixture for tests")
    .option("--device <id...>", "only these devices")
    .option("--type <type>", "only devices of this type")
    .action(async (options: PastOptions & { device?: string[]; type?: string }, command: Command) => {
      const { device: devices = [], type } = options;
      const chosen = { devices, ...(type === undefined ? {} : { type }) };
      process.exitCode = await recordCommand({ ...pastOf(options, command), ...chosen });
    });
  withPastOptions(program.command("backtest <file>"))
    .description("run the functions of a file over the past, into nothing, and compare with what is stored")
    .option(
      "--threads <n>",
      "share the partitions of the log among so many threads (default: the machine's cores, fewer for a small log)",
      wholeNumber(1, LIMITS.backtestThreadsMax),
    )
    .action(async (file: string, options: PastOptions & { threads?: string }, command: Command) => {
      const threads = options.threads === undefined ? null : Number(options.threads);
      const chosen = { ...pastOf(options, command), ...globalOptions(command), threads };
      process.exitCode = await backtestCommand(file, chosen);
    });
}

function withPastOptions(command: Command): Command {
  return withInstanceOptions(command)
    .option("--from <time>", "event time, ISO 8601 or UTC ms (default: a day before --to)")
    .option("--to <time>", "event time up to which, without it (default: now)")
    .addOption(new Option("--source <place>", "where the readings are taken from").choices(HISTORY_SOURCES))
    .addHelpText("after", SOURCE_HELP);
}

function pastOf(options: PastOptions, command: Command): HistoryPlace & TimeRange {
  const to = options.to === undefined ? Date.now() : parseTimeText(options.to);
  const from = options.from === undefined ? to - DAY_MS : parseTimeText(options.from);
  if (from >= to) throw new MillraceError("INVALID_INPUT", "--from is not before --to");
  const source = options.source ?? (options.url === undefined ? undefined : "tables");
  const { data } = globalOptions(command).config;
  return { from, to, data, api: () => apiOf(command), ...(source === undefined ? {} : { source }) };
}
