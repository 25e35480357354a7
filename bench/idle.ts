import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { startInstance, temporaryDirectory } from "../test/support/instance.ts";
import { processTree, treeCpuSeconds, treeMegabytes } from "./process-tree.ts";

export interface IdleRun {
  readonly clickhouse: boolean;
  /** From spawn to the line that says ready, on a fresh data directory, ms. */
  readonly startMs: number;
  readonly processes: number;
  /** Proportional set size of the tree after `seconds`, the log's map left out. */
  readonly pssMegabytes: number;
  readonly cpuPercent: number;
}

/** Starts an instance, leaves it alone, and looks what it takes. */
export async function runIdle(clickhouse: boolean, seconds: number): Promise<IdleRun> {
  const directory = temporaryDirectory();
  const begun = performance.now();
  const instance = await startInstance({
    data: `${directory.path}/data`,
    flags: ["--log-level", "warn", ...(clickhouse ? [] : ["--no-clickhouse"])],
  });
  const startMs = performance.now() - begun;
  try {
    const settleSeconds = Math.min(10, seconds / 2);
    await delay(settleSeconds * 1000);
    const cpuBefore = treeCpuSeconds(instance.pid);
    await delay((seconds - settleSeconds) * 1000);
    const cpuSeconds = treeCpuSeconds(instance.pid) - cpuBefore;
    return {
      clickhouse,
      startMs,
      processes: processTree(instance.pid).length,
      pssMegabytes: treeMegabytes(instance.pid, "Pss", "/log.mdb"),
      cpuPercent: (100 * cpuSeconds) / (seconds - settleSeconds),
    };
  } finally {
    await instance.kill();
    directory.dispose();
  }
}
