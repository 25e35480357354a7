import { MillraceError } from "../../core/errors.ts";
import { WHOLE_SHARE, type CanaryCounts } from "../../core/canary.ts";
import type { Rollout, RolloutOutcome, RolloutPlan } from "../../core/rollout.ts";

const SHARES = "10,50,100";
const STEP = "30s";
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const PERCENT = WHOLE_SHARE / 100;

export interface CanaryOptions {
  readonly canary?: boolean;
  readonly share?: string;
  readonly step?: string;
}

/** Undefined without `--canary`. INVALID_INPUT. */
export function rolloutPlan({ canary = false, share, step }: CanaryOptions): RolloutPlan | undefined {
  if (!canary && share === undefined && step === undefined) return undefined;
  if (!canary) {
    throw new MillraceError("INVALID_INPUT", "--share and --step are those of a canary", { remedy: "Add --canary." });
  }
  const shares = (share ?? SHARES).split(",").map((percent) => Math.round(Number(percent) * PERCENT));
  if (!shares.every((one, index) => one > (shares[index - 1] ?? 0) && one <= WHOLE_SHARE)) {
    throw new MillraceError(
      "INVALID_INPUT",
      `--share ${share}: these are no shares, each greater than the one before`,
      {
        remedy: `Write percent of the devices, with commas: --share ${SHARES}.`,
      },
    );
  }
  return { shares, stepMs: durationOption("--step", step ?? STEP) };
}

/** `30s`, `5min`, `1h`: in ms. INVALID_INPUT. */
export function durationOption(option: string, text: string): number {
  const [, digits, unit = ""] = /^(\d+)(ms|s|min|h|d)$/.exec(text) ?? [];
  const unitMs = UNITS[unit];
  if (unitMs !== undefined) return Number(digits) * unitMs;
  throw new MillraceError("INVALID_INPUT", `${option} ${text} is no duration`, {
    remedy: `Write a whole number with ms, s, min, h or d: ${option} ${STEP}.`,
  });
}

/** Who takes one back says why only where it is Millrace itself. */
function endText(outcome: RolloutOutcome, reason: string): string {
  if (outcome !== "rolled-back") return outcome;
  return reason === "" ? "taken back by hand" : "taken back by itself";
}

/** How a canary stands or has ended, in lines. */
export function rolloutText(rollout: Rollout & { readonly counts: CanaryCounts }): string {
  const { name, version, live, shares, step, stepMs, since, outcome, reason, counts } = rollout;
  const percent = shares.map((share) => `${share / PERCENT} %`);
  const at = new Date(since).toISOString();
  const head =
    outcome === null
      ? `canary ${name}@${version} beside ${name}@${live}: ${percent[step] ?? ""} of the devices since ${at}, step ${step + 1} of ${percent.length} (${percent.join(", ")}, ${stepMs / 1000} s each)`
      : `canary ${name}@${version} beside ${name}@${live} was ${endText(outcome, reason)} at ${at}${reason === "" ? "" : `: ${reason}`}`;
  if (Object.values(counts).every((count) => count === 0)) {
    return `${head}\n  no call of it has been counted since this process began`;
  }
  const { same, different, onlyLive, onlyCanary, silent, canaryFailed, canaryFatal, liveFailed, bothFailed } = counts;
  return [
    head,
    `  outputs   ${same} the same, ${different} different, ${onlyLive} of the live version only, ${onlyCanary} of the canary only, ${silent} of neither`,
    `  failures  ${canaryFailed} of the canary only, ${canaryFatal} that cost its thread, ${liveFailed} of the live version only, ${bothFailed} of both`,
  ].join("\n");
}
