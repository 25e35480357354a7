import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { withBrokenSource, type Edit } from "./broken-source.ts";

/** Runs a script of the project in a broken copy of the source. Resolves with its last line, which is JSON; rejects when there is none. */
export function runBroken<Figures>(
  edits: readonly Edit[],
  script: string,
  args: readonly string[],
  say: (text: string) => void,
): Promise<Figures> {
  return withBrokenSource(edits, async (folder) => {
    const command = [join(folder, "source", script), ...args];
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    let last = "";
    for await (const line of createInterface({ input: child.stdout })) {
      say(line);
      last = line;
    }
    await ended;
    if (!last.startsWith("{")) throw new Error(`${script}: no verdict`);
    const figures: Figures = JSON.parse(last);
    return figures;
  });
}
