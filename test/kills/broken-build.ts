import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { withBrokenSource } from "../support/broken-source.ts";
import { BREAKS, type BrokenName } from "./breaks.ts";
import type { KillFigures, KillOptions } from "./kill-rounds.ts";

/** Runs the rounds in a broken copy of the source. Resolves with what they have found; rejects when they came to no verdict. */
export function runBroken(name: BrokenName, { rounds, seed, devices, say }: KillOptions): Promise<KillFigures> {
  return withBrokenSource(BREAKS[name], async (folder) => {
    const script = join(folder, "source", "test", "kills", "run.ts");
    const args = ["--rounds", String(rounds), "--seed", seed, "--devices", String(devices)];
    const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    let last = "";
    for await (const line of createInterface({ input: child.stdout })) {
      say(line);
      last = line;
    }
    await ended;
    if (!last.startsWith("{")) throw new Error(`${name}: no verdict`);
    const figures: KillFigures = JSON.parse(last);
    return figures;
  });
}
