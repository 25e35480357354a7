import { writeSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { Worker } from "node:worker_threads";
import { confinedTo } from "../functions/confined-memory.ts";
import { shortStack, shortText } from "../functions/short-error.ts";
import { REPORT_FD, type ConfinedJob, type ConfinedReport } from "./confined-report.ts";
import { createMemoryWatch } from "./memory-watch.ts";

const LOOK_MS = 20;
const STACK_MS = 1000;
/** What the code may take beyond its limit while its place is looked for. */
const OVERSHOOT_MIB = 128;

/**
 * A process for one piece of work with users' code, which is killed after it. The code runs in a thread, as it will when it is deployed: what it does to that thread is reported,
 * and what it does to the process is seen by whoever started it. This thread runs nothing of the code, so that it can always tell and always end.
 */
function work({ thread, name, data, announces, heapMib, cpuMsMax, wallMsMax }: ConfinedJob): void {
  const isOver = createMemoryWatch(heapMib);
  const isFarOver = createMemoryWatch(heapMib + OVERSHOOT_MIB);
  const worker = new Worker(new URL(thread), {
    name,
    workerData: deserialize(Buffer.from(data, "base64")) as unknown,
    resourceLimits: confinedTo(heapMib),
  });
  let isSettled = false;
  let isLookedFor = false;
  const settle = (report: ConfinedReport): void => {
    if (!isSettled) say(report);
    isSettled = true;
    clearInterval(watch);
    void worker.terminate();
  };
  /** With the place where the code is just now. */
  const settleThere = async (outcome: "late" | "memory-full"): Promise<void> => {
    if (isLookedFor) return;
    isLookedFor = true;
    const { pausedStack } = await import("./paused-stack.ts");
    settle({ outcome, stack: await pausedStack(STACK_MS) });
  };
  /** What comes of the code by itself says nothing any more once it has had too much. */
  const settleUnlessOver = (report: ConfinedReport): void => {
    if (isOver()) settle({ outcome: "memory-full", stack: "" });
    else if (!isLookedFor) settle(report);
  };
  let begunAt = Infinity;
  let cpuBefore = Infinity;
  const watch = setInterval(() => {
    const isLate = performance.now() - begunAt > wallMsMax || cpuMs() - cpuBefore > cpuMsMax;
    if (isFarOver()) settle({ outcome: "memory-full", stack: "" });
    else if (isOver()) void settleThere("memory-full");
    else if (isLate) void settleThere("late");
  }, LOOK_MS);
  const begin = (): void => {
    if (begunAt !== Infinity) return;
    // The start of the process and of the thread is not the code's time.
    begunAt = performance.now();
    cpuBefore = cpuMs();
    say({ outcome: "begun" });
  };
  if (!announces) worker.on("online", begin);
  worker.on("message", (message: unknown) => {
    if (announces && message === null) {
      begin();
      worker.postMessage(null);
    } else settleUnlessOver({ outcome: "answered", answer: serialize(message).toString("base64") });
  });
  worker.on("error", (error) => settleUnlessOver(reportOf(error)));
  worker.on("exit", () => settleUnlessOver({ outcome: "exited" }));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function reportOf(error: unknown): ConfinedReport {
  const isHeap = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
  if (isHeap) return { outcome: "heap-full" };
  return { outcome: "thrown", text: shortText(error), stack: shortStack(error) };
}

function say(report: ConfinedReport): void {
  const bytes = Buffer.from(`${JSON.stringify(report)}\n`);
  for (let sent = 0; sent < bytes.length;) sent += writeSync(REPORT_FD, bytes, sent);
}

function listen(): void {
  let input = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (text: string) => {
    input += text;
    if (text.endsWith("\n")) work(JSON.parse(input));
  });
  // Nobody waits for it any more, or it cannot say what it has to.
  process.stdin.on("end", end);
  process.on("uncaughtException", end);
}

/** By a signal: an orderly exit waits for the thread, which may stand still in the debugger for good. */
function end(): void {
  process.kill(process.pid, "SIGTERM");
}

listen();
