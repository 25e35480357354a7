import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { errorText } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkReportSchema } from "./check-answer.ts";
import { environmentOfChecks } from "./check-environment.ts";
import type { Readable } from "node:stream";
import type { z } from "zod";
import { WAITS_FACTOR, type CheckJob } from "../processes/check-report.ts";

/** How a check came to its end: what the process has reported last, or that it ended without. */
export type CheckEnd =
  | Exclude<z.infer<typeof checkReportSchema>, { outcome: "begun" }>
  /** It was ended, because it did not say that it was late itself. */
  | { readonly outcome: "silent" }
  /** It has said what is no report. */
  | { readonly outcome: "unreadable" }
  /** By itself. `how`: signal or exit code; `begun`: not before the code was loaded; `lastWords`: what was on its standard error. */
  | { readonly outcome: "ended"; readonly how: string; readonly begun: boolean; readonly lastWords: string };

/** For the start of a process and a thread on a machine that is busy, and for the answer of one that is late. */
const START_MS = 30_000;
const ANSWER_MS = 5000;
const LAST_WORDS_CHARACTERS = 4096;

/**
 * Loads code in a process of its own, which has no variables of this one and is killed when it has answered, with all that it has started. Nothing that it does comes
 * back but the result. `host`: the module that it starts with.
 */
export async function runCheckProcess(host: URL, job: CheckJob): Promise<CheckEnd> {
  // A group of its own: an interrupt from a terminal is for who waits for it, and what it starts ends with it.
  const child = spawn(process.execPath, [fileURLToPath(host)], {
    env: environmentOfChecks(),
    stdio: ["pipe", "ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const { promise, resolve } = Promise.withResolvers<CheckEnd>();
  let begun = false;
  let timer = setTimeout(() => resolve({ outcome: "silent" }), START_MS);
  const onLine = (line: string): void => {
    const report = parse(line);
    if (report?.outcome !== "begun") return resolve(report ?? { outcome: "unreadable" });
    if (begun) return;
    begun = true;
    clearTimeout(timer);
    timer = setTimeout(() => resolve({ outcome: "silent" }), job.loadMsMax * WAITS_FACTOR + ANSWER_MS);
  };
  const lastWords = keepEnd(child.stderr);
  readLines(child.stdio[3] as Readable | null, onLine, () => resolve({ outcome: "unreadable" }));
  const ended = (how: string) => resolve({ outcome: "ended", how, begun, lastWords: lastWords() });
  child.on("error", (cause) => ended(errorText(cause)));
  // Not when it exits: what it said before is read by then.
  child.on("close", (code, signal) => ended(signal ?? `exit code ${code}`));
  // Where it ends before it has read, that it has ended says more.
  child.stdin?.on("error", () => undefined);
  child.stdin?.write(`${JSON.stringify(job)}\n`);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await end(child);
  }
}

function parse(line: string): z.infer<typeof checkReportSchema> | null {
  try {
    return checkReportSchema.parse(JSON.parse(line));
  } catch {
    // The code may have written it.
    return null;
  }
}

function readLines(stream: Readable | null, onLine: (line: string) => void, onTooLong: () => void): void {
  let rest = "";
  let left: number = LIMITS.functionCheckBytesMax;
  stream?.setEncoding("utf8").on("data", (text: string) => {
    left -= text.length;
    if (left < 0) {
      stream.destroy();
      return onTooLong();
    }
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
}

function keepEnd(stream: Readable | null): () => string {
  let end = "";
  stream?.setEncoding("utf8").on("data", (text: string) => (end = (end + text).slice(-LAST_WORDS_CHARACTERS)));
  return () => end;
}

/** Resolves when it is gone. What it has started and cannot be reached may hold its streams: nobody waits for those. */
async function end(child: ChildProcess): Promise<void> {
  const { pid } = child;
  const gone = pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const exited = gone ? Promise.resolve() : new Promise((resolve) => child.once("exit", resolve));
  try {
    if (pid !== undefined) process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
  await exited;
  for (const stream of child.stdio) stream?.destroy();
}
