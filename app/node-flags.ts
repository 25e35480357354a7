import { join } from "node:path";

/**
 * What an installation's Node runs with, in all threads. V8 lets the young generation of each grow to 128 MB and gives little of it back: a burst of
 * connections or of records costs memory for good, and no thread is faster for it (docs/adr/0015-messages-go-by-groups.md).
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=16"];

/** What is needed of `process`. */
interface StartedProcess extends Pick<NodeJS.Process, "argv" | "execArgv" | "execPath" | "env" | "platform"> {
  execve?(file: string, args?: readonly string[], env?: NodeJS.ProcessEnv): void;
}

/**
 * Starts this process anew, as itself, with the flags of an installation: same pid, same streams. V8 reads them before any code runs, and whoever
 * starts us need not know them. Returns where there is nothing to do, and where Node cannot do it (on Windows): then it runs without.
 */
export function takeNodeFlags(self: StartedProcess = process): void {
  const { argv, execArgv, execPath, env, platform } = self;
  const given = [...execArgv, ...(env["NODE_OPTIONS"] ?? "").split(/\s+/)];
  const missing = NODE_FLAGS.filter((flag) => !given.some((one) => nameOf(one) === nameOf(flag)));
  if (missing.length === 0 || !argv.slice(2).includes("start")) return;
  // There Node has it, and it throws.
  if (platform === "win32") return;
  try {
    self.execve?.(execPath, [execPath, ...missing, ...execArgv, ...argv.slice(1)], env);
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

function nameOf(flag: string): string {
  return (flag.split("=")[0] ?? flag).replaceAll("_", "-");
}
