import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { withBrokenSource } from "../support/broken-source.ts";
import { BREAKS, type BrokenName } from "./breaks.ts";
import { readResults } from "./results.ts";

/** Breaks a copy of the source and runs the faults there. True when that run has failed for the reason for which it must. */
export function runBroken(
  name: BrokenName,
  seed: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<boolean> {
  const { arguments: own, edits, shows } = BREAKS[name];
  return withBrokenSource(edits, async (folder) => {
    const results = join(folder, "results.jsonl");
    const script = join(folder, "source", "test", "faults", "run.ts");
    const child = spawn(process.execPath, [script, "--seed", seed, "--results", results, ...own], { stdio: "inherit" });
    const end = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    await once(child, "exit");
    const [result] = readResults(results);
    const shown = shows.filter((field) => result?.wrong.includes(field));
    say(shown.length > 0 ? `${name} shows: ${shown.join(", ")}` : `${name} does not show in ${shows.join(", ")}`);
    return shown.length > 0;
  });
}
