import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { checkFunctions } from "../functions/check-functions.ts";
import { shadowText } from "./compare-versions.ts";
import { isConfirmed, type AskingOptions } from "./is-confirmed.ts";
import { EXIT, formatTable } from "./output.ts";
import { rolloutText } from "./rollout-text.ts";
import { DEFAULT_STAGE_SETTINGS, type StageSettings } from "../../core/stage-settings.ts";
import { stageSettingsText } from "./stage-limit-text.ts";
import type { CanaryCounts } from "../../core/canary.ts";
import type { DeployedBundle, FunctionVersionInfo } from "../../core/function-store.ts";
import type { Rollout, RolloutPlan } from "../../core/rollout.ts";
import type { ApiClient } from "./api-client.ts";

/** A rollout as the API tells it. */
export interface CountedRollout extends Rollout {
  readonly counts: CanaryCounts;
}

interface Rollouts {
  readonly items: readonly CountedRollout[];
}

interface JsonOption {
  readonly json: boolean;
}

interface Versions {
  readonly items: readonly FunctionVersionInfo[];
}

export interface DeployOptions extends JsonOption {
  readonly yes: boolean;
  readonly where: Pick<DeployedBundle, "stage" | "isolation" | "limits">;
  /** As canaries; absent: live everywhere at once. */
  readonly canary?: RolloutPlan;
  /** Over how much of the past to say first what would differ; null: not at all. */
  readonly shadowMs: number | null;
}

/** `millrace deploy FILE...`: every file is checked before the first is sent, so that a mistake in one changes nothing. */
export async function deployCommand(
  api: ApiClient,
  files: readonly string[],
  { json, yes, where, canary, shadowMs }: DeployOptions,
): Promise<number> {
  const checked = [];
  for (const file of files) checked.push({ file, ...(await checkFunctions(file)) });
  const lines = checked.map(({ file, functions, code }) => {
    return `${functions.map(({ name }) => name).join(", ")} from ${file} (${Math.ceil(code.length / 1024)} KiB)`;
  });
  if (shadowMs !== null && !json) {
    for (const { code } of checked) {
      const text = await shadowText(api, code, shadowMs);
      if (text !== "") console.log(text);
    }
  }
  if (!yes && !(await isConfirmed({ what: "deploy", question: `Deploy ${lines.join("; ")}?` }))) {
    console.log("Nothing is deployed.");
    return EXIT.ok;
  }
  const before = await liveStages(api);
  const deployed: FunctionVersionInfo[] = [];
  const how = canary === undefined ? {} : { canary };
  for (const { code } of checked)
    deployed.push(...(await api.send<Versions>("POST", "/functions", { code, ...where, ...how })).items);
  if (json) console.log(JSON.stringify(deployed));
  else for (const one of deployed) console.log(deployedText(one, before.get(one.name) ?? one.stage, canary));
  if (!json && where.limits !== undefined) console.log(await limitedText(api, where.stage ?? ""));
  return EXIT.ok;
}

/** The stage as it is now: its limits are those of the last deploy that named them, whatever function that was of. */
async function limitedText(api: ApiClient, stage: string): Promise<string> {
  const text = stageSettingsText((await stageSettings(api)).get(stage) ?? DEFAULT_STAGE_SETTINGS);
  const also = [...(await liveStages(api))].filter(([, where]) => where === stage).map(([name]) => name);
  const of = also.length > 1 ? ` This holds for all functions in it: ${also.join(", ")}.` : "";
  return `Stage ${stage} has ${text === "" ? "what the settings of the instance say" : text}.${of}`;
}

async function stageSettings(api: ApiClient): Promise<ReadonlyMap<string, StageSettings>> {
  const { items } = await api.get<{ items: readonly (StageSettings & { stage: string })[] }>("/functions/stages");
  return new Map(items.map(({ stage, ...settings }) => [stage, settings]));
}

async function liveStages(api: ApiClient): Promise<ReadonlyMap<string, string>> {
  const { items } = await api.get<Versions>("/functions");
  return new Map(items.filter(({ live }) => live).map(({ name, stage }) => [name, stage]));
}

function deployedText({ name, version, stage }: FunctionVersionInfo, before: string, canary?: RolloutPlan): string {
  if (canary !== undefined) return `${name}@${version} runs ${canaryText(canary)}.`;
  const text = `${name}@${version} runs from here on`;
  if (before !== stage) return `${text}, in stage ${stage} instead of ${before}: its state starts anew there.`;
  return stage === FUNCTIONS_STAGE.name ? `${text}.` : `${text}, in stage ${stage}.`;
}

function canaryText(canary: RolloutPlan): string {
  const [first = 0, ...rest] = canary.shares.map((share) => share / 100);
  const then = rest.length === 0 ? "" : `, then of ${rest.join(", ")} %`;
  return `from here on for ${first} % of the devices${then}; see how it does with millrace versions`;
}

export async function versionsCommand(api: ApiClient, name: string | undefined, { json }: JsonOption): Promise<number> {
  const query = name === undefined ? "" : `?${new URLSearchParams({ name }).toString()}`;
  const { items } = await api.get<Versions>(`/functions${query}`);
  const { items: all } = await api.get<Rollouts>("/functions/rollouts");
  const rollouts = all.filter((one) => name === undefined || one.name === name);
  const stages = await stageSettings(api);
  const shown = (item: FunctionVersionInfo) => {
    return {
      ...item,
      canary: canaryOf(item, rollouts),
      stageSettings: stages.get(item.stage) ?? DEFAULT_STAGE_SETTINGS,
    };
  };
  const limited = [...stages].flatMap(([stage, of]) => {
    const text = stageSettingsText(of);
    return text === "" || items.every((one) => one.stage !== stage) ? [] : [`stage ${stage}: ${text}`];
  });
  if (json) console.log(JSON.stringify(items.map(shown)));
  else console.log([formatVersions(items, rollouts), ...limited, ...rollouts.map(rolloutText)].join("\n\n"));
  return EXIT.ok;
}

/** Null for a version that was no function's last canary. */
function canaryOf({ name, version }: FunctionVersionInfo, rollouts: readonly CountedRollout[]): CountedRollout | null {
  return rollouts.find((one) => one.name === name && one.version === version) ?? null;
}

function stateText(version: FunctionVersionInfo, rollouts: readonly CountedRollout[]): string {
  if (version.live) return "live";
  const canary = canaryOf(version, rollouts);
  if (canary === null) return "–";
  if (canary.outcome === null) return "canary";
  return canary.outcome === "rolled-back" ? "taken back" : "–";
}

export function formatVersions(versions: readonly FunctionVersionInfo[], rollouts: readonly CountedRollout[]): string {
  if (versions.length === 0) return "No functions yet. Deploy one: millrace deploy FILE";
  const rows = versions.map((one) => [
    one.name,
    one.version,
    stateText(one, rollouts),
    one.stage,
    one.kind,
    one.codeBytes,
    new Date(one.createdAt).toISOString(),
    one.createdBy,
    one.hash.slice(0, 12),
  ]);
  return formatTable(["function", "version", "state", "stage", "kind", "bytes", "deployed", "by", "hash"], rows);
}

export async function rollbackCommand(
  api: ApiClient,
  name: string,
  { json, to }: JsonOption & { readonly to?: number },
): Promise<number> {
  const path = `/functions/${encodeURIComponent(name)}/rollback`;
  const live = await api.send<FunctionVersionInfo>("POST", path, to === undefined ? {} : { version: to });
  console.log(json ? JSON.stringify(live) : `${name}@${live.version} runs from here on.`);
  return EXIT.ok;
}

export async function promoteCommand(api: ApiClient, name: string, { json }: JsonOption): Promise<number> {
  const path = `/functions/${encodeURIComponent(name)}/promote`;
  const live = await api.send<Pick<FunctionVersionInfo, "name" | "version">>("POST", path, {});
  console.log(json ? JSON.stringify(live) : `${name}@${live.version} runs from here on, for all devices.`);
  return EXIT.ok;
}

export async function undeployCommand(
  api: ApiClient,
  name: string,
  { json, yes, terminal }: JsonOption & AskingOptions,
): Promise<number> {
  const stays = "Its versions and what it has made stay.";
  const question = `Stop ${name} and erase what it keeps, its state and open windows, for all devices? ${stays}`;
  if (!yes && !(await isConfirmed({ what: `undeploy ${name}`, question }, terminal))) {
    console.log("Nothing is undeployed.");
    return EXIT.ok;
  }
  await api.send("DELETE", `/functions/${encodeURIComponent(name)}`);
  const text = `${name} runs no more, and what it kept is erased. Its versions stay: millrace rollback ${name} --to N.`;
  console.log(json ? JSON.stringify({ name, undeployed: true }) : text);
  return EXIT.ok;
}
