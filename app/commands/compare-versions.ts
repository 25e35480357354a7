import { errorText, isMillraceError } from "../../core/errors.ts";
import { EXIT } from "./output.ts";
import type { VersionComparison } from "../../core/version-comparison.ts";
import type { ApiClient } from "./api-client.ts";

export interface DiffOptions {
  readonly json: boolean;
  readonly before?: number;
  readonly after?: number;
  readonly lastMs: number;
}

/** `millrace diff FUNCTION [V1 V2]`. */
export async function diffCommand(api: ApiClient, name: string, options: DiffOptions): Promise<number> {
  const { json, ...asked } = options;
  const path = `/functions/${encodeURIComponent(name)}/compare`;
  const compared = await api.send<VersionComparison>("POST", path, asked);
  console.log(json ? JSON.stringify(compared) : comparisonText(compared));
  return EXIT.ok;
}

/** What code would have made of the last minutes. That it cannot be told keeps nobody from deploying. */
export async function shadowText(api: ApiClient, code: string, lastMs: number): Promise<string> {
  try {
    const { items } = await api.send<{ items: readonly VersionComparison[] }>("POST", "/functions/shadow", {
      code,
      lastMs,
    });
    return items.map(comparisonText).join("\n");
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return `What it would have made of the last minutes is not known: ${errorText(error)}`;
  }
}

function comparisonText(compared: VersionComparison): string {
  const { function: name, before, after, readings, from, to, deadLettersBefore, deadLettersAfter } = compared;
  const { equal, changed, onlyAfter, onlyBefore, faults, examples } = compared;
  const versions = `${name}: ${after === null ? "this code" : `@${after}`} instead of @${before}`;
  const range = `${Math.round((to - from) / 1000)} s`;
  return [
    `${versions}, over ${readings} readings of the last ${range}, both from no state:`,
    `  values        ${equal} equal, ${changed} changed, ${onlyAfter} new, ${onlyBefore} missing`,
    ...examples.map(({ device, ts, metric, before: was, after: is }) => {
      return `    ${new Date(ts).toISOString()} ${device} ${metric}: ${was ?? "–"} → ${is ?? "–"}`;
    }),
    `  dead letters  ${deadLettersAfter} instead of ${deadLettersBefore}`,
    ...faults.map(({ error, device, count }) => `    ${count} × ${error}; first of ${device}`),
  ].join("\n");
}
