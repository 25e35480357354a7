import { readdirSync, readFileSync } from "node:fs";

/** CPU and memory of a process with all its descendants, from /proc (Linux). */

/** What `getconf CLK_TCK` says on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly name: string;
  readonly parent: number;
  /** User and system time, the reaped children's included. */
  readonly cpuSeconds: number;
}

/** Null when the process has ended. */
function readStat(path: string): Stat | null {
  try {
    const text = readFileSync(path, "utf8");
    // The name is in parentheses and may hold anything, parentheses too.
    const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { name, parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    // It ended between the listing and the reading.
    return null;
  }
}

/** What process.cpuUsage gives, in seconds. */
export function cpuSecondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000_000;
}

export function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(`/proc/${entry}/stat`);
    if (stat !== null) parents.set(Number(entry), stat.parent);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...[...parents].filter(([, parent]) => parent === pid).map(([child]) => child));
  return tree;
}

export function treeCpuSeconds(root: number): number {
  return processTree(root).reduce((sum, pid) => sum + (readStat(`/proc/${pid}/stat`)?.cpuSeconds ?? 0), 0);
}

/** CPU seconds by thread name, over the whole tree; threads that have ended are in none. */
export function threadCpuSeconds(root: number): Record<string, number> {
  const byName: Record<string, number> = {};
  for (const [index, pid] of processTree(root).entries()) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const stat = readStat(`/proc/${pid}/task/${thread}/stat`);
      if (stat === null) continue;
      const name = `${index === 0 ? "main" : "child"}: ${stat.name.replace(/\d+$/, "")}`;
      byName[name] = (byName[name] ?? 0) + stat.cpuSeconds;
    }
  }
  return byName;
}

/**
 * Memory of the tree in MB, mappings of files whose path ends with `without` left out. Pss divides what is shared among those who
 * share it, Rss does not.
 */
export function treeMegabytes(root: number, size: "Pss" | "Rss", without: string): number {
  let kilobytes = 0;
  for (const pid of processTree(root)) {
    let counted = true;
    for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
      if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counted = !line.endsWith(without);
      else if (counted && line.startsWith(`${size}:`)) kilobytes += Number(line.replaceAll(/\D/g, ""));
    }
  }
  return kilobytes / 1000;
}
