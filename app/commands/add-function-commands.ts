import { diffCommand } from "./compare-versions.ts";
import { deployCommand, promoteCommand, rollbackCommand, undeployCommand, versionsCommand } from "./functions.ts";
import { usageCommand } from "./function-usage.ts";
import { LIMITS } from "../../core/limits.ts";
import { cancelReplayCommand, replayCommand, replayStatusCommand } from "./replay.ts";
import { parseTimeText } from "./time-text.ts";
import { MillraceError } from "../../core/errors.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { wholeNumber } from "./number-option.ts";
import { Option, type Command } from "commander";
import { ISOLATIONS, type Isolation } from "../../core/stage-settings.ts";
import { stageLimitsOf, type StageLimitFlags } from "./stage-limit-text.ts";
import { durationOption, rolloutPlan, type CanaryOptions } from "./rollout-text.ts";

interface DeployFlags extends CanaryOptions, StageLimitFlags {
  readonly yes?: boolean;
  readonly stage?: string;
  readonly isolation?: Isolation;
  /** False with `--no-shadow`. */
  readonly shadow?: string | false;
}

const SHADOW = `${LIMITS.shadowSpanMsDefault / 60_000}min`;

interface ReplayFlags {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly status?: boolean;
  readonly cancel?: boolean;
}

/** `millrace deploy|versions|usage|diff|promote|rollback|replay|undeploy`. */
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
    .option("--call-timeout <duration>", "of that stage: CPU time that a call may take, or `default`")
    .option("--memory <MiB>", "of that stage: heap of each of its threads, or `default`")
    .option("--state-memory <MiB>", "of that stage: what state may take of it, or `default`")
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
        where: { stage, isolation, ...stageLimitsOf(flags) },
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
    .option("--slow", "those first that take most of their stage's time")
    .action(async ({ slow = false }: { slow?: boolean }, command: Command) => {
      process.exitCode = await usageCommand(apiOf(command), { ...globalOptions(command), slow });
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
  withInstanceOptions(program.command("replay [function]"))
    .description(
      "recompute a function over the past, and correct what is stored; FUNCTION@2 for version 2, `aggregate` for the windows of device types",
    )
    .option("--from <time>", "event time from which on, ISO 8601 or UTC ms")
    .option("--to <time>", "event time up to which, without it (default: now)")
    .option("--dry-run", "count what would be corrected, and correct nothing")
    .option("--status", "how the replay stands that runs, or ran last")
    .option("--cancel", "end the replay that runs; what it has corrected stays")
    .action(async (name: string | undefined, options: ReplayFlags, command: Command) => {
      process.exitCode = await replay(name, options, command);
    });
  withInstanceOptions(program.command("undeploy <function>"))
    .description("stop a function and erase what it keeps")
    .option("--yes", "do not ask")
    .action(async (name: string, { yes = false }: { yes?: boolean }, command: Command) => {
      process.exitCode = await undeployCommand(apiOf(command), name, { ...globalOptions(command), yes });
    });
}

function versionArgument(text: string): number {
  return Number(wholeNumber(1, Number.MAX_SAFE_INTEGER)(text));
}

function replay(name: string | undefined, options: ReplayFlags, command: Command): Promise<number> {
  const { from, to, dryRun = false, status = false, cancel = false } = options;
  const { json } = globalOptions(command);
  if (status) return replayStatusCommand(apiOf(command), { json });
  if (cancel) return cancelReplayCommand(apiOf(command), { json });
  if (name === undefined || from === undefined) {
    throw new MillraceError("INVALID_INPUT", "a replay needs a function and --from", {
      remedy: "Write millrace replay FUNCTION --from 2026-01-31T12:00:00Z.",
    });
  }
  // Not an option: --version is that of Millrace.
  const [fn = "", version] = name.split("@");
  if (version !== undefined && !/^[1-9]\d{0,8}$/.test(version)) {
    throw new MillraceError("INVALID_INPUT", `${name} names no version`, { remedy: `Write ${fn}@2.` });
  }
  return replayCommand(apiOf(command), fn, {
    from: parseTimeText(from),
    to: to === undefined ? Date.now() : parseTimeText(to),
    ...(version === undefined ? {} : { version: Number(version) }),
    dryRun,
    json,
  });
}
