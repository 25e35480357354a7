import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { deserialize, serialize } from "node:v8";
import { z } from "zod";
import { errorText } from "../../core/errors.ts";
import { environmentOfConfined } from "./confined-environment.ts";
import type { Readable, Writable } from "node:stream";
import type { ConfinedJob } from "../processes/confined-report.ts";

/** What is to be done, in a thread that starts with `thread` and posts one message. The rest as in `ConfinedJob`. */
export interface ConfinedThread extends Omit<ConfinedJob, "thread" | "data"> {
  readonly thread: URL;
  /** Plain values. */
  readonly data: unknown;
  /** What is read of its answer. */
  readonly answerBytesMax: number;
}

const stack = z.string();

/** See `ConfinedReport`. The code shares the process and may have said it in its place: it is read as anything that comes from outside. */
const reportSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("begun") }),
  z.object({ outcome: z.literal("answered"), answer: z.string().transform(deserialized) }),
  z.object({ outcome: z.literal("late"), stack }),
  z.object({ outcome: z.literal("heap-full") }),
  z.object({ outcome: z.literal("memory-full"), stack }),
  z.object({ outcome: z.literal("exited") }),
  z.object({ outcome: z.literal("thrown"), text: z.string(), stack }),
]);

/** How it came to its end: what the process has reported last, or that it ended without. */
export type ConfinedEnd =
  | Exclude<z.infer<typeof reportSchema>, { outcome: "begun" }>
  /** It was ended, because it did not say that it was late itself. */
  | { readonly outcome: "silent" }
  /** It has said what is no report. */
  | { readonly outcome: "unreadable" }
  /** By itself. `how`: signal or exit code; `begun`: not before the code ran; `lastWords`: what was on its standard error. */
  | { readonly outcome: "ended"; readonly how: string; readonly begun: boolean; readonly lastWords: string };

/** For the start of a process and a thread on a machine that is busy, and for the answer of one that is late. */
const START_MS = 30_000;
const ANSWER_MS = 5000;
const LAST_WORDS_CHARACTERS = 4096;

/**
 * Runs users' code in a process of its own, which has no variables of this one and is killed when it has answered, with all that it has started. Nothing that it does comes
 * back but the result. `host`: the module that it starts with.
 */
export async function runConfined(host: URL, work: ConfinedThread): Promise<ConfinedEnd> {
  const { answerBytesMax, thread, data, ...limits } = work;
  const job: ConfinedJob = { ...limits, thread: thread.href, data: serialize(data).toString("base64") };
  // A group of its own: an interrupt from a terminal is for who waits for it, and what it starts ends with it.
  const child = spawn(process.execPath, [fileURLToPath(host)], {
    env: environmentOfConfined(),
    stdio: ["pipe", "ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const { promise, resolve } = Promise.withResolvers<ConfinedEnd>();
  let begun = false;
  let lastWords = (): string => "";
  const ended = (how: string) => resolve({ outcome: "ended", how, begun, lastWords: lastWords() });
  // First of all: where no process can be had, it has no streams either.
  child.on("error", (cause) => ended(errorText(cause)));
  let timer = setTimeout(() => resolve({ outcome: "silent" }), START_MS);
  const onLine = (line: string): void => {
    const report = parse(line);
    // Before the code has run nothing is its fault.
    if (report?.outcome === "thrown" && !begun) return ended(report.text);
    if (report?.outcome !== "begun") return resolve(report ?? { outcome: "unreadable" });
    if (begun) return;
    begun = true;
    clearTimeout(timer);
    timer = setTimeout(() => resolve({ outcome: "silent" }), work.wallMsMax + ANSWER_MS);
  };
  lastWords = keepEnd(child.stderr);
  readLines(streamsOf(child)[3] as Readable | null, answerBytesMax, onLine, () => resolve({ outcome: "unreadable" }));
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

function parse(line: string): z.infer<typeof reportSchema> | null {
  try {
    return reportSchema.parse(JSON.parse(line));
  } catch {
    // The code may have written it.
    return null;
  }
}

/** Both ways as between threads: what V8 can copy. */
function deserialized(text: string): unknown {
  return deserialize(Buffer.from(text, "base64"));
}

function readLines(
  stream: Readable | null,
  bytesMax: number,
  onLine: (line: string) => void,
  onTooLong: () => void,
): void {
  let parts: string[] = [];
  let left = bytesMax;
  stream?.setEncoding("utf8").on("data", (text: string) => {
    left -= text.length;
    if (left < 0) {
      stream.destroy();
      return onTooLong();
    }
    const [first = "", ...more] = text.split("\n");
    parts.push(first);
    for (const next of more) {
      onLine(parts.join(""));
      parts = [next];
    }
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
  for (const stream of streamsOf(child)) stream?.destroy();
}

/** Without any where it could not be started for want of file descriptors, whatever its type says. */
function streamsOf(
  child: Pick<ChildProcess, "stdio"> | { readonly stdio?: undefined },
): readonly (Readable | Writable | null | undefined)[] {
  return child.stdio ?? [];
}
