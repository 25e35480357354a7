import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

const heap = z.object({ javascriptHeap: z.object({ totalCommittedMemory: z.number(), usedMemory: z.number() }) });
const report = heap.extend({ workers: z.array(heap.extend({ header: z.object({ threadId: z.number() }) })) });
const WAIT_MS = 100;
const WAITS = 100;

/** Flags of Node with which a process can be asked by `threadHeaps`. */
export function reportFlags(directory: string): readonly string[] {
  mkdirSync(directory, { recursive: true });
  return ["--report-on-signal", `--report-directory=${directory}`];
}

/** JavaScript heaps by thread, MB: committed, and used with what is garbage by now. Asking takes memory: ask last. Throws when no answer comes. */
export async function threadHeaps(pid: number, directory: string): Promise<readonly string[]> {
  process.kill(pid, "SIGUSR2");
  for (let wait = 0; wait < WAITS; wait += 1) {
    const parsed = report.safeParse(newestReport(directory));
    if (parsed.success) {
      const { workers, ...main } = parsed.data;
      const lines = workers.map((worker) => said(`thread ${worker.header.threadId}`, worker));
      return [said("main thread", main), ...lines];
    }
    await delay(WAIT_MS);
  }
  throw new Error(`process ${pid} has written no report into ${directory}`);
}

function newestReport(directory: string): unknown {
  const name = readdirSync(directory).sort().at(-1);
  if (name === undefined) return null;
  try {
    return JSON.parse(readFileSync(join(directory, name), "utf8"));
  } catch {
    // It is being written.
    return null;
  }
}

function said(name: string, { javascriptHeap }: z.infer<typeof heap>): string {
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  return `${name}: ${megabytes(javascriptHeap.totalCommittedMemory)} MB of heap, ${megabytes(javascriptHeap.usedMemory)} used`;
}
