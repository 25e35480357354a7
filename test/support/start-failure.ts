import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface FailedStart {
  readonly code: number | null;
  readonly stdout: string;
  /** Standard error without the log's JSON lines: what a person reads. */
  readonly said: string;
  /** True when a process of the instance outlived it. */
  readonly leftRunning: boolean;
}

export interface StartAttempt {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
  /** The tree that bin/millrace.js is taken from. */
  readonly root?: string;
  readonly node?: string;
}

const START_MS_MAX = 60_000;

/** Runs the command line in a process group of its own until it ends, and looks whether anything of the group is left. */
export async function runToFailure(attempt: StartAttempt): Promise<FailedStart> {
  const { args, environment, nodeFlags = [], root = ROOT, node = process.execPath } = attempt;
  const child = spawn(node, [...nodeFlags, join(root, "bin/millrace.js"), ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const tooLate = setTimeout(() => killGroup(child.pid), START_MS_MAX);
  await once(child, "close");
  clearTimeout(tooLate);
  const leftRunning = killGroup(child.pid);
  const said = stderr.split("\n").filter((line) => !line.startsWith('{"level"'));
  return { code: child.exitCode, stdout, said: said.join("\n").trim(), leftRunning };
}

/** Ends what is left of a process group; true when there was something. */
function killGroup(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(-pid, "SIGKILL");
    return true;
  } catch {
    // ESRCH: nobody is left.
    return false;
  }
}

/** A copy of this tree that has every package but those named. */
export function copyTreeWithout(directory: string, packages: readonly string[]): string {
  for (const entry of readdirSync(ROOT)) {
    if (entry.startsWith(".") || ["node_modules", "data", "test", "docs"].includes(entry)) continue;
    cpSync(join(ROOT, entry), join(directory, entry), { recursive: true });
  }
  mkdirSync(join(directory, "node_modules"));
  for (const entry of readdirSync(join(ROOT, "node_modules"))) {
    if (packages.includes(entry)) continue;
    symlinkSync(join(ROOT, "node_modules", entry), join(directory, "node_modules", entry));
  }
  return directory;
}

/** Mounts a file system in memory on a directory, or null where that is not allowed. */
export function mountMemory(directory: string, megabytes: number): { readOnly(): void; unmount(): void } | null {
  mkdirSync(directory, { recursive: true });
  const mount = (...options: readonly string[]): boolean => spawnSync("mount", [...options, directory]).status === 0;
  if (!mount("-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs")) return null;
  return {
    readOnly: () => void mount("-o", "remount,ro"),
    unmount: () => void spawnSync("umount", ["-l", directory]),
  };
}
