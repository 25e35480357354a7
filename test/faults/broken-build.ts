import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { BREAKS, brokenFiles, type BrokenName } from "./breaks.ts";
import { readResults } from "./results.ts";

const NOT_COPIED = ["node_modules", ".git", "data", "coverage"];
const ROOT = join(import.meta.dirname, "..", "..");

/** Breaks a copy of the source and runs the faults there. True when that run has failed for the reason for which it must. */
export async function runBroken(
  name: BrokenName,
  seed: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-broken-"));
  try {
    const { arguments: own, shows } = BREAKS[name];
    const source = join(folder, "source");
    cpSync(ROOT, source, {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => path === ROOT || !NOT_COPIED.includes(basename(path)),
    });
    symlinkSync(join(ROOT, "node_modules"), join(source, "node_modules"));
    for (const { path, text } of brokenFiles(name, source)) writeFileSync(path, text);
    const results = join(folder, "results.jsonl");
    const script = join(source, "test", "faults", "run.ts");
    const child = spawn(process.execPath, [script, "--seed", seed, "--results", results, ...own], { stdio: "inherit" });
    const end = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    await once(child, "exit");
    const [result] = readResults(results);
    const shown = shows.filter((field) => result?.wrong.includes(field));
    say(shown.length > 0 ? `${name} shows: ${shown.join(", ")}` : `${name} does not show in ${shows.join(", ")}`);
    return shown.length > 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
