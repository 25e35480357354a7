import { fork, spawnSync, type ChildProcess, type Serializable } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

export const SERVER_CORE = 0;
export const GENERATOR_CORE = 1;

/** False where there is no taskset or only one core: then processes run where the kernel puts them. */
export const isPinned = cpus().length > 1 && spawnSync("taskset", ["--version"]).error === undefined;

/** The command, on that core. taskset becomes the command: they are one process. */
export function onCore(core: number, command: string): readonly [string, ...string[]] {
  return isPinned ? ["taskset", "-c", String(core), command] : [command];
}

/** A program of this folder as a process of its own on that core. */
export function forkOnCore(core: number, program: string, nodeFlags: readonly string[] = []): ChildProcess {
  const [execPath, ...execArgv] = onCore(core, process.execPath);
  const url = new URL(program, import.meta.url);
  return fork(fileURLToPath(url), { execPath, execArgv: [...execArgv, ...nodeFlags] });
}

/** Sends a message and resolves with the next one that comes back. Rejects when the process ends instead. */
export async function askChild<T>(child: ChildProcess, message: Serializable): Promise<T> {
  const abandoned = new AbortController();
  const { signal } = abandoned;
  const ended = once(child, "exit", { signal }).then(([code]: unknown[]) => {
    throw new Error(`${child.spawnargs.join(" ")} ended with ${String(code)} before it had an answer`);
  });
  child.send(message);
  try {
    const [answer] = (await Promise.race([once(child, "message", { signal }), ended])) as [T];
    return answer;
  } finally {
    ended.catch(() => undefined);
    abandoned.abort();
  }
}

export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
