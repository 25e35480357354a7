import { readFileSync, writeFileSync } from "node:fs";
import { LIMITS } from "../../core/limits.ts";

const MIB = 1024 ** 2;
const ANONYMOUS = /^RssAnon:\s*(\d+) kB$/m;

/**
 * True, when it is asked, while this process has more memory than its threads may have together: a Buffer is outside of the heaps that V8 looks
 * after. The system ends this process before others when memory is short.
 */
export function createMemoryWatch(threadsMib: number): () => boolean {
  if (process.platform === "linux") writeFileSync("/proc/self/oom_score_adj", "1000");
  const maxBytes = (threadsMib + LIMITS.functionProcessMib) * MIB;
  return () => usedBytes() > maxBytes;
}

/** Without the pages of files: those of the log are the system's to give and to take. */
function usedBytes(): number {
  if (process.platform !== "linux") return process.memoryUsage.rss();
  const [, kib] = ANONYMOUS.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return Number(kib) * 1024;
}
