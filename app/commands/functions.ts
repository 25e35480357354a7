import { createInterface } from "node:readline/promises";
import { MillraceError } from "../../core/errors.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { checkFunctions } from "../functions/check-functions.ts";
import { EXIT, formatTable } from "./output.ts";
import type { DeployedBundle, FunctionVersionInfo } from "../../core/function-store.ts";
import type { ApiClient } from "./api-client.ts";

interface JsonOption {
  readonly json: boolean;
}

interface Versions {
  readonly items: readonly FunctionVersionInfo[];
}

/** `millrace deploy FILE...`: every file is checked before the first is sent, so that a mistake in one changes nothing. */
export async function deployCommand(
  api: ApiClient,
  files: readonly string[],
  {
    json,
    yes,
    where,
  }: JsonOption & { readonly yes: boolean; readonly where: Pick<DeployedBundle, "stage" | "isolation"> },
): Promise<number> {
  const checked = [];
  for (const file of files) checked.push({ file, ...(await checkFunctions(file)) });
  const lines = checked.map(({ file, functions, code }) => {
    return `${functions.map(({ name }) => name).join(", ")} from ${file} (${Math.ceil(code.length / 1024)} KiB)`;
  });
  if (!yes && !(await isConfirmed(lines))) {
    console.log("Nothing is deployed.");
    return EXIT.ok;
  }
  const before = await liveStages(api);
  const deployed: FunctionVersionInfo[] = [];
  for (const { code } of checked)
    deployed.push(...(await api.send<Versions>("POST", "/functions", { code, ...where })).items);
  if (json) console.log(JSON.stringify(deployed));
  else for (const one of deployed) console.log(deployedText(one, before.get(one.name) ?? one.stage));
  return EXIT.ok;
}

async function liveStages(api: ApiClient): Promise<ReadonlyMap<string, string>> {
  const { items } = await api.get<Versions>("/functions");
  return new Map(items.filter(({ live }) => live).map(({ name, stage }) => [name, stage]));
}

function deployedText({ name, version, stage }: FunctionVersionInfo, before: string): string {
  const text = `${name}@${version} runs from here on`;
  if (before !== stage) return `${text}, in stage ${stage} instead of ${before}: its state starts anew there.`;
  return stage === FUNCTIONS_STAGE.name ? `${text}.` : `${text}, in stage ${stage}.`;
}

async function isConfirmed(lines: readonly string[]): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new MillraceError("INVALID_INPUT", "nobody is there to be asked whether to deploy", { remedy: "Add --yes." });
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`Deploy ${lines.join("; ")}? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}

export async function versionsCommand(api: ApiClient, name: string | undefined, { json }: JsonOption): Promise<number> {
  const query = name === undefined ? "" : `?${new URLSearchParams({ name }).toString()}`;
  const { items } = await api.get<Versions>(`/functions${query}`);
  console.log(json ? JSON.stringify(items) : formatVersions(items));
  return EXIT.ok;
}

function formatVersions(versions: readonly FunctionVersionInfo[]): string {
  if (versions.length === 0) return "No functions yet. Deploy one: millrace deploy FILE";
  const rows = versions.map(({ name, version, kind, live, stage, codeBytes, createdAt, createdBy, hash }) => [
    name,
    version,
    live ? "live" : "–",
    stage,
    kind,
    codeBytes,
    new Date(createdAt).toISOString(),
    createdBy,
    hash.slice(0, 12),
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

export async function undeployCommand(api: ApiClient, name: string, { json }: JsonOption): Promise<number> {
  await api.send("DELETE", `/functions/${encodeURIComponent(name)}`);
  const text = `${name} runs no more, and what it kept is erased. Its versions stay: millrace rollback ${name} --to N.`;
  console.log(json ? JSON.stringify({ name, undeployed: true }) : text);
  return EXIT.ok;
}
