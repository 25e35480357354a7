import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processTree } from "../../bench/process-tree.ts";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";

interface Thread {
  readonly name: string;
  readonly niceness: number;
}

/** The threads of a process on Linux (proc(5), fields 2 and 19 of stat). */
function threadsOf(pid: number): readonly Thread[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    return { name: stat.slice(stat.indexOf("(") + 1, end), niceness: Number(stat.slice(end + 2).split(" ")[16]) };
  });
}

describe.skipIf(process.platform !== "linux")("priorities of threads", () => {
  const data = temporaryDirectory();
  let instance: Instance;
  beforeAll(async () => {
    instance = await startInstance({ data: data.path });
  });
  afterAll(async () => {
    await instance.kill();
    data.dispose();
  });

  it("put the thread that acknowledges before those that process and store", () => {
    const niceness = new Map(threadsOf(instance.pid).map((thread) => [thread.name, thread.niceness]));
    expect(niceness.get("MainThread")).toBe(0);
    for (const name of ["services", "processors", "clickhouse"]) expect(niceness.get(name)).toBeGreaterThan(0);
  });

  it("put all threads of the embedded ClickHouse behind everything else, those of merges and queries too", async () => {
    // It gives its watch over memory more by itself, where it may.
    const threads = (): readonly Thread[] =>
      processTree(instance.pid)
        .slice(1)
        .flatMap(threadsOf)
        .filter(({ name }) => name !== "MemoryWorker");
    await expect.poll(() => threads().map(({ name }) => name), { timeout: 30_000 }).toContain("MergeMutate");
    expect(threads().filter(({ niceness }) => niceness < 10)).toEqual([]);
  });
});
