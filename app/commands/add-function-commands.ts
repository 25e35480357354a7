import { diffCommand } from "./compare-versions.ts";
import { deployCommand, promoteCommand, rollbackCommand, undeployCommand, versionsCommand } from "./functions.ts";
import { usageCommand } from "./function-usage.ts";
import { LIMITS } from "../../core/limits.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { wholeNumber } from "./number-option.ts";
import { Option, type Command } from "commander";
import { ISOLATIONS, type Isolation } from "../../core/function-store.ts";
import { durationOption, rolloutPlan, type CanaryOptions } from "./rollout-text.ts";

interface DeployFlags extends CanaryOptions {
  readonly yes?: boolean;
  readonly stage?: string;
  readonly isolation?: Isolation;
  /** False with `--no-shadow`. */
  readonly shadow?: string | false;
}

const SHADOW = `${LIMITS.shadowSpanMsDefault / 60_000}min`;

/** `millrace deploy|versions|usage|diff|promote|rollback|undeploy`. */
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
    .option("--canary", "run them beside the live versions first, for a growing share of the devices")
    .option("--share <percent>", "with --canary: of the devices, one after the other (default: 10,50,100)")
    .option("--step <duration>", "with --canary: how long at each share (default: 30s)")
    .option("--shadow <duration>", "say first what would differ over the last so long, with what runs now", SHADOW)
    .option("--no-shadow", "do not")
    .action(async (files: readonly string[], flags: DeployFlags, command: Command) => {
      const { yes = false, shadow = SHADOW, stage, isolation } = flags;
      const plan = rolloutPlan(flags);
      const { json } = globalOptions(command);
      process.exitCode = await deployCommand(apiOf(command), files, {
        json,
        yes,
        where: { stage, isolation },
        shadowMs: shadow === false ? null : durationOption("--shadow", shadow),
        ...(plan === undefined ? {} : { canary: plan }),
      });
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
  withInstanceOptions(program.command("diff <function> [before] [after]"))
    .description(
      "print what two versions would have made of the last minutes: by default of the canary and what is live",
    )
    .option("--last <duration>", "over what was received in the last so long", SHADOW)
    .action(
      async (
        name: string,
        before: string | undefined,
        after: string | undefined,
        flags: { last: string },
        command: Command,
      ) => {
        process.exitCode = await diffCommand(apiOf(command), name, {
          json: globalOptions(command).json,
          lastMs: durationOption("--last", flags.last),
          ...(before === undefined ? {} : { before: versionArgument(before) }),
          ...(after === undefined ? {} : { after: versionArgument(after) }),
        });
      },
    );
  withInstanceOptions(program.command("promote <function>"))
    .description("make a canary the live version now")
    .action(async (name: string, _options: object, command: Command) => {
      process.exitCode = await promoteCommand(apiOf(command), name, globalOptions(command));
    });
  withInstanceOptions(program.command("rollback <function>"))
    .description("take back a canary, or make an earlier version live again")
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

function versionArgument(text: string): number {
  return Number(wholeNumber(1, Number.MAX_SAFE_INTEGER)(text));
}
