import { setTimeout as delay } from "node:timers/promises";
import { EXIT } from "./output.ts";
import type { ReplayStatus } from "../../core/replay.ts";
import type { ApiClient } from "./api-client.ts";

export interface ReplayOptions {
  readonly from: number;
  readonly to: number;
  readonly version?: number;
  readonly dryRun: boolean;
  readonly json: boolean;
}

const LOOK_EVERY_MS = 500;

/** `millrace replay FUNCTION`: starts it in the running instance and stays until it has ended. Interrupted, it goes on without us. */
export async function replayCommand(api: ApiClient, name: string, options: ReplayOptions): Promise<number> {
  const { json, ...body } = options;
  let status = await api.send<ReplayStatus>("POST", `/functions/${encodeURIComponent(name)}/replay`, body);
  while (status.state === "running") {
    await delay(LOOK_EVERY_MS);
    status = await api.get<ReplayStatus>("/replay");
    if (!json && process.stderr.isTTY) process.stderr.write(`\r${progressText(status)}`);
  }
  if (!json && process.stderr.isTTY) process.stderr.write("\n");
  return told(status, json);
}

/** `millrace replay --status`. */
export async function replayStatusCommand(api: ApiClient, { json }: { readonly json: boolean }): Promise<number> {
  return told(await api.get<ReplayStatus>("/replay"), json);
}

/** `millrace replay --cancel`. */
export async function cancelReplayCommand(api: ApiClient, { json }: { readonly json: boolean }): Promise<number> {
  told(await api.send<ReplayStatus>("DELETE", "/replay"), json);
  return EXIT.ok;
}

function told(status: ReplayStatus, json: boolean): number {
  if (json) console.log(JSON.stringify(status));
  else console.log(statusText(status));
  if (status.error !== null) console.error(`millrace: the replay has failed: ${status.error}`);
  return status.state === "done" || status.state === "running" ? EXIT.ok : EXIT.failed;
}

function progressText({ partitionsDone, partitions, records, corrections }: ReplayStatus): string {
  return `${partitionsDone} of ${partitions} partitions, ${count(records)} records, ${count(sumOf(corrections))} corrections`;
}

function statusText(status: ReplayStatus): string {
  const { function: name, version, from, to, dryRun, state, corrections, results, openWindows, deadLetters } = status;
  const { changed, added, withdrawn } = corrections;
  const would = dryRun ? " would be made" : "";
  return [
    `${name}@${version} over ${timeText(from)} to ${timeText(to)}: ${state}, ${progressText(status)}`,
    "",
    `results       ${count(results)}`,
    `corrections   ${count(sumOf(corrections))}${would}: ${count(changed)} changed, ${count(added)} added, ${count(withdrawn)} withdrawn`,
    ...(openWindows === 0
      ? []
      : [
          `left alone    ${count(openWindows)} windows that live readings may still change: replay them when they are over`,
        ]),
    ...(deadLetters === 0
      ? []
      : [`failed        ${count(deadLetters)} calls: this version throws there, and makes nothing`]),
    ...(status.hash === null ? [] : [`results       sha256 ${status.hash}`]),
  ].join("\n");
}

function sumOf({ changed, added, withdrawn }: ReplayStatus["corrections"]): number {
  return changed + added + withdrawn;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function count(value: number): string {
  return value.toLocaleString("en");
}
