import { readFileSync } from "node:fs";

/** MB (1,000 kB of /proc), of one process. */
export interface ProcessMemory {
  readonly resident: number;
  /** Its own: heaps, stacks. */
  readonly anonymous: number;
  /** Files that are mapped: the kernel takes them back when it needs the memory. */
  readonly files: number;
}

const MAPPED_LOG = "log and sessions, mapped";

/** As /proc/PID/status has it. */
export function processMemory(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1000;
  return { resident: megabytes("VmRSS"), anonymous: megabytes("RssAnon"), files: megabytes("RssFile") };
}

/** What the resident memory is for, MB by kind, from /proc/PID/smaps. */
export function memoryShares(pid: number): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  let kind = "";
  for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ (\d+)\s*(.*)$/.exec(line);
    if (mapping !== null) kind = kindOf(mapping[1] ?? "", mapping[3] ?? "");
    const kilobytes = /^Rss:\s+(\d+) kB/.exec(line)?.[1];
    if (kilobytes !== undefined) shares.set(kind, (shares.get(kind) ?? 0) + Number(kilobytes) / 1000);
  }
  return shares;
}

function kindOf(rights: string, name: string): string {
  if (name.endsWith("/node")) return "Node's program";
  if (name.endsWith(".mdb")) return MAPPED_LOG;
  if (name === "[heap]") return "C library's heap";
  if (name.startsWith("/")) return "libraries";
  return rights.includes("x") ? "compiled code" : "JavaScript heaps, stacks, buffers";
}

/** MB that are resident of the log's map, as /proc/PID/smaps has it. */
export function mappedLogMegabytes(pid: number): number {
  return memoryShares(pid).get(MAPPED_LOG) ?? 0;
}
