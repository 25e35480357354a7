import { readFile, writeFile } from "node:fs/promises";

/**
 * The database's lock falls with the process that holds it, and the child ends with its parent; only a child that was stopped
 * (SIGSTOP) or hangs in native code when its parent was killed stays. The file names it, so that the next start can end it.
 */
export async function writeServerPid(pidFile: string): Promise<void> {
  await writeFile(pidFile, `${process.pid} ${process.ppid}\n`);
}

export type LockHolder = "none" | "orphan-ended" | "other-instance";

/** Who holds the database that could not be opened. Ends it when its parent is gone. */
export async function endOrphan(pidFile: string): Promise<LockHolder> {
  const [pid = 0, parent = 0] = (await readFile(pidFile, "utf8").catch(() => "")).split(" ").map(Number);
  if (!(pid > 1) || !isAlive(pid) || !(await isServer(pid))) return "none";
  if (parent > 1 && isAlive(parent)) return "other-instance";
  process.kill(pid, "SIGKILL");
  return "orphan-ended";
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, but somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Pids are used again: where /proc tells, the process must be one of ours. */
async function isServer(pid: number): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.includes("chdb-server.ts");
}
