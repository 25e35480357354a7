import { deployCommand, rollbackCommand, undeployCommand, versionsCommand } from "./functions.ts";
import { usageCommand } from "./function-usage.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { wholeNumber } from "./number-option.ts";
import { Option, type Command } from "commander";
import { ISOLATIONS, type Isolation } from "../../core/function-store.ts";

interface DeployFlags {
  readonly yes?: boolean;
  readonly stage?: string;
  readonly isolation?: Isolation;
}

/** `millrace deploy|versions|usage|rollback|undeploy`. */
export function addFunctionCommands(program: Command): void {
  withInstanceOptions(program.command("deploy <files...>"))
    .description("check functions and make them live")
    .option("--yes", "do not ask")
    .option("--stage <name>", "run them in a stage of their own; `functions` is the one that all share")
    .addOption(
      new Option("--isolation <kind>", "of that stage: threads, or a process of its own with threads in it").choices(
        ISOLATIONS,
      ),
    )
    .action(async (files: readonly string[], { yes = false, ...where }: DeployFlags, command: Command) => {
      const { json } = globalOptions(command);
      process.exitCode = await deployCommand(apiOf(command), files, { json, yes, where });
    });
  withInstanceOptions(program.command("versions [function]"))
    .description("list versions of functions, and which of them run")
    .action(async (name: string | undefined, _options: object, command: Command) => {
      process.exitCode = await versionsCommand(apiOf(command), name, globalOptions(command));
    });
  withInstanceOptions(program.command("usage"))
    .description("print what each version of a function has used: calls, time, memory, errors")
    .action(async (_options: object, command: Command) => {
      process.exitCode = await usageCommand(apiOf(command), globalOptions(command));
    });
  withInstanceOptions(program.command("rollback <function>"))
    .description("make an earlier version live again")
    .option("--to <version>", "this one (default: the one before)", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action(async (name: string, { to }: { to?: string }, command: Command) => {
      const version = to === undefined ? {} : { to: Number(to) };
      process.exitCode = await rollbackCommand(apiOf(command), name, { json: globalOptions(command).json, ...version });
    });
  withInstanceOptions(program.command("undeploy <function>"))
    .description("stop a function and erase what it keeps")
    .action(async (name: string, _options: object, command: Command) => {
      process.exitCode = await undeployCommand(apiOf(command), name, globalOptions(command));
    });
}
