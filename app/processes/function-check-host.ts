import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { errorText } from "../../core/errors.ts";
import { confinedTo } from "../functions/confined-memory.ts";
import { REPORT_FD, type CheckJob, type CheckReport } from "./check-report.ts";
import { createMemoryWatch } from "./memory-watch.ts";

const LOOK_MS = 20;
const LATE_STACK_MS = 500;
/** Shorter: it goes on taking memory meanwhile. */
const MEMORY_STACK_MS = 250;

/**
 * A process for one check of users' code, which is killed after it. The code runs in a thread, as it will when it is deployed: what it does to that thread is reported, and what it does to the
 * process is seen by whoever started it. This thread runs nothing of the code, so that it can always tell and always end.
 */
function check({ code, thread, heapMib, loadMsMax }: CheckJob): void {
  const isOverMemory = createMemoryWatch(heapMib);
  const worker = new Worker(new URL(thread), {
    name: "function-check",
    workerData: { code },
    resourceLimits: confinedTo(heapMib),
  });
  let hasBegun = false;
  let isSettled = false;
  const settle = (report: CheckReport): void => {
    if (!isSettled) say(report);
    isSettled = true;
    clearInterval(watch);
    void worker.terminate();
  };
  /** With the place where the code is just now. */
  const settleThere = async (outcome: "late" | "memory-full", stackMs: number): Promise<void> => {
    if (isSettled) return;
    isSettled = true;
    clearInterval(watch);
    const { pausedStack } = await import("./paused-stack.ts");
    const stack = await pausedStack(stackMs);
    isSettled = false;
    settle({ outcome, stack });
  };
  const watch = setInterval(() => {
    if (isOverMemory()) void settleThere("memory-full", MEMORY_STACK_MS);
  }, LOOK_MS);
  worker.on("message", (message: unknown) => {
    if (message !== null) return settle({ outcome: "answered", answer: message });
    if (hasBegun) return;
    hasBegun = true;
    // The start of the process and of the thread is not the code's time.
    say({ outcome: "begun" });
    setTimeout(() => void settleThere("late", LATE_STACK_MS), loadMsMax);
  });
  worker.on("error", (error) => settle(reportOf(error)));
  worker.on("exit", () => settle({ outcome: "exited" }));
}

function reportOf(error: unknown): CheckReport {
  const isHeap = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
  if (isHeap) return { outcome: "heap-full" };
  return { outcome: "thrown", text: errorText(error), stack: error instanceof Error ? String(error.stack) : "" };
}

function say(report: CheckReport): void {
  const bytes = Buffer.from(`${JSON.stringify(report)}\n`);
  for (let sent = 0; sent < bytes.length;) sent += writeSync(REPORT_FD, bytes, sent);
}

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  input += text;
  if (text.endsWith("\n")) check(JSON.parse(input));
});
// Nobody waits for it any more.
process.stdin.on("end", () => process.exit());
