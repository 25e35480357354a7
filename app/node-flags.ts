import { join } from "node:path";
import { isStart } from "./is-start.ts";

/**
 * What an installation's Node runs with, in all threads. V8 lets the young generation of each grow to 128 MB and gives little of it back: a burst of
 * connections or of records costs memory for good, and no thread is faster for it (docs/adr/0015-messages-go-by-groups.md).
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=16"];

/**
 * Where memory is short (docs/adr/0041-little-memory-is-one-setting.md): a small young generation, code kept compact, the first collection soon, and only V8's baseline compiler,
 * whose code is smaller and which needs none of the others' own. Builtins are not copied beside the code of each thread.
 */
export const LITTLE_MEMORY_FLAGS: readonly string[] = [
  "--max-semi-space-size=1",
  "--optimize-for-size",
  "--initial-old-space-size=8",
  "--no-short-builtin-calls",
  "--no-opt",
  "--no-maglev",
];

/** What the C library's allocator reads when a process begins: one arena for all threads, and what is freed goes back to the system. */
export const LITTLE_MEMORY_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "131072",
  MALLOC_TOP_PAD_: "65536",
};

/** What is needed of `process`. */
export interface StartedProcess extends Pick<NodeJS.Process, "argv" | "execArgv" | "execPath" | "env" | "platform"> {
  execve?(file: string, args?: readonly string[], env?: NodeJS.ProcessEnv): void;
}

/**
 * Starts this process anew, as itself, with the flags of an installation: same pid, same streams. V8 reads them before any code runs, and whoever
 * starts us need not know them. Returns where there is nothing to do, and where Node cannot do it (on Windows): then it runs without.
 */
export function takeNodeFlags(self: StartedProcess = process): void {
  if (!isStart(self.argv.slice(2))) return;
  const missing = missingFlags(self, NODE_FLAGS);
  if (missing.length > 0) startAnew(self, [...missing, ...self.execArgv, ...self.argv.slice(1)], self.env);
}

/** With the flags and the environment of a process that is to take little memory, running `script` in place of what runs. Returns as `takeNodeFlags`. */
export function takeLittleMemory(script: string, self: StartedProcess = process): void {
  // Those of an installation are nobody's choice: whoever starts us may have passed them on, so that it need not start anew.
  const execArgv = self.execArgv.filter((flag) => !NODE_FLAGS.includes(flag));
  const flags = [...missingFlags({ ...self, execArgv }, LITTLE_MEMORY_FLAGS), ...execArgv];
  startAnew(self, [...flags, script, ...self.argv.slice(2)], { ...LITTLE_MEMORY_ENVIRONMENT, ...self.env });
}

/** Whether this is the start of an installation that is told to take little memory, as `readConfig` will read it. */
export function wantsLittleMemory({ argv, env }: Pick<StartedProcess, "argv" | "env"> = process): boolean {
  const args = argv.slice(2);
  const said = args.findLastIndex((arg) => arg === "--footprint" || arg.startsWith("--footprint="));
  const flag = args[said] === "--footprint" ? args[said + 1] : args[said]?.slice("--footprint=".length);
  return isStart(args) && (flag ?? env["MILLRACE_FOOTPRINT"]) === "small";
}

function missingFlags(
  { execArgv, env }: Pick<StartedProcess, "execArgv" | "env">,
  flags: readonly string[],
): readonly string[] {
  const given = [...execArgv, ...(env["NODE_OPTIONS"] ?? "").split(/\s+/)];
  return flags.filter((flag) => !given.some((one) => nameOf(one) === nameOf(flag)));
}

function startAnew(self: StartedProcess, args: readonly string[], env: NodeJS.ProcessEnv): void {
  // There Node has it, and it throws.
  if (self.platform === "win32") return;
  try {
    self.execve?.(self.execPath, [self.execPath, ...args], env);
  } catch {
    // An installation with more memory than it need have is better than none.
  }
}

/**
 * Threads and children that are started from here on find their modules compiled in the data directory, which is half of what a thread costs
 * until it works. Node writes there what it had to compile, by the content of each file; where it cannot, it compiles as before.
 */
export function keepCompiledCode(data: string, self: Pick<NodeJS.Process, "env"> = process): void {
  self.env["NODE_COMPILE_CACHE"] ??= join(data, "compile-cache");
}

/** `--opt` and `--no-opt` say something of the same. */
function nameOf(flag: string): string {
  return (flag.split("=")[0] ?? flag).replaceAll("_", "-").replace(/^--no-/, "--");
}
