import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { processTree } from "../../bench/process-tree.ts";

const LOOK_EVERY_MS = 1000;

/**
 * Most resident memory that a process of a role may have had at any time, MB: twice what was measured. Runs have shown peaks up to 483 MB
 * (api), 401 (gateway), 445 (processors) and 445 (sinks), nearly all of it Node and its threads, reached within seconds of a start and
 * not passed in outages of minutes. What grows with an outage instead of with its own ceiling comes above.
 */
export const MEMORY_MB_MAX: Readonly<Record<string, number>> = {
  api: 970,
  gateway: 800,
  processors: 890,
  sinks: 890,
};

/** Looks at every process that this one has begun, and keeps the peak of each role. */
export class MemoryWatch {
  private readonly peaks = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;

  constructor() {
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Peaks in MB by role. */
  stop(): Record<string, number> {
    clearInterval(this.timer);
    this.look();
    return Object.fromEntries([...this.peaks].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  private look(): void {
    for (const pid of processTree(process.pid).slice(1)) {
      const seen = peakOf(pid);
      if (seen === null) continue;
      this.peaks.set(seen.role, Math.max(seen.megabytes, this.peaks.get(seen.role) ?? 0));
    }
  }
}

/** A role of which nothing was seen counts as above: then nothing was watched. */
export function rolesAbove(peaks: Readonly<Record<string, number>>): string[] {
  return Object.entries(MEMORY_MB_MAX).flatMap(([role, max]) =>
    (peaks[role] ?? Number.POSITIVE_INFINITY) > max ? [role] : [],
  );
}

/** Null when the process has ended. */
function peakOf(pid: number): { readonly role: string; readonly megabytes: number } | null {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (kilobytes === undefined) return null;
    const megabytes = Math.round(Number(kilobytes) / 1000);
    return { role: roleOf(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")), megabytes };
  } catch {
    // It ended while we looked.
    return null;
  }
}

function roleOf(command: readonly string[]): string {
  const role = command.indexOf("--role");
  if (role >= 0) return command[role + 1] ?? "";
  if (command.includes("kafka.Kafka")) return "kafka";
  const script = command.find((word) => /\.[jt]s$/.test(word));
  return basename(script ?? command[0] ?? "").split(/[ :]/)[0] ?? "";
}
