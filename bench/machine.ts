import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Load of the minute before: what else ran. */
  readonly load: number;
  readonly commit: string;
}

/** CPU seconds that all cores together have spent on anything, since boot. */
export function busyCpuSeconds(): number {
  const milliseconds = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq);
  return milliseconds.reduce((sum, busy) => sum + busy, 0) / 1000;
}

/** Rows of a benchmark page's first table; a page adds its own between Node and commit. `note`: what a reader must know of this run. */
export function machineRows(
  {
    machine,
    date,
    command,
    note = "",
  }: { readonly machine: Machine; readonly date: string; readonly command: string; readonly note?: string },
  own: readonly string[] = [],
): string {
  return [
    "| | |",
    "| --- | --- |",
    `| date | ${date} |`,
    `| command | \`${command}\` |`,
    `| machine | ${machine.cpu}; ${machine.cores} cores; ${machine.memoryGb} GB; Linux ${machine.kernel} |`,
    `| Node | ${machine.node} |`,
    ...own,
    `| commit | ${machine.commit} |`,
    `| load of the machine before | ${machine.load} (1 would be one busy core) |`,
    ...(note === "" ? [] : [`| note | ${note} |`]),
  ].join("\n");
}

/** When and how this program was called, for its report. */
export function commandLine(script: string): { readonly date: string; readonly command: string } {
  const args = process.argv.slice(2);
  // What is noted of a run is no part of how to repeat it.
  const noteAt = args.indexOf("--note");
  if (noteAt >= 0) args.splice(noteAt, 2);
  const command = [script, ...(args.length > 0 ? ["--", ...args] : [])].join(" ");
  return { date: new Date().toISOString().slice(0, 10), command };
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.versions.node,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  };
}
