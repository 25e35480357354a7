import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { superviseThread, type RunningThread, type ThreadStart } from "../../app/threads/supervised-thread.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { T0 } from "../support/counting-stage.ts";
import { MISDEEDS, type Misdeed } from "../support/hostile-stage.ts";
import { eventually, stageOnLog } from "../support/stage-on-log.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";

const place = stageOnLog();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await place.dispose();
});

const RECORDS = 20;
const POISON = 7;
const MEMORY_MIB = 64;

describe("a function that", () => {
  const died: Readonly<Record<Misdeed, string>> = {
    throw: "RangeError",
    loop: "TimeoutError",
    exit: "WorkerDied",
    heap: "OutOfMemory",
    map: "OutOfMemory",
    reject: "WorkerDied",
    "loop-later": "TimeoutError",
  };
  for (const misdeed of MISDEEDS) {
    it(`does "${misdeed}" on one record loses that record, and only it`, { timeout: 60_000 }, async () => {
      const log = await place.openLog();
      const deaths = await supervised(log, died[misdeed] === "OutOfMemory" ? 60_000 : 300);
      for (let n = 0; n < RECORDS; n += 1) await append(log, n, n === POISON ? misdeed : "nothing");
      await eventually(async () => (await values(log, "device-events")).length === 2 * 2 * RECORDS - 1, 50_000);
      const letters = await values(log, "dead-letters");
      expect(letters).toEqual([
        expect.objectContaining({
          function: "hostile",
          errorClass: died[misdeed],
          source: { topic: "readings", partition: 0, offset: POISON },
          payload: Buffer.from(JSON.stringify(reading(POISON, misdeed))).toString("base64"),
        }),
      ]);
      // Once, and once more alone. What is left behind has to be found first.
      expect(deaths()).toBe(misdeed === "throw" ? 0 : misdeed === "reject" || misdeed === "loop-later" ? 3 : 2);
    });
  }

  it("keeps more with each record costs its thread now and then, and no record", { timeout: 60_000 }, async () => {
    const log = await place.openLog();
    const deaths = await supervised(log, 60_000);
    for (let n = 0; n < RECORDS; n += 1) await append(log, n, "leak");
    await eventually(async () => (await values(log, "device-events")).length === 2 * 2 * RECORDS, 50_000);
    await eventually(async () => deaths() > 0, 10_000);
    expect(await values(log, "dead-letters")).toEqual([]);
  });
});

const reading = (n: number, misdeed: string) => {
  return { v: 1, tenant: "t", device: "d", ts: T0 + n, received: T0 + n, metrics: { do: misdeed } };
};

/** The misdeed in partition 0; nothing of it in partition 1. */
async function append(log: EmbeddedLog, n: number, misdeed: string): Promise<void> {
  const record = (what: string) => {
    return { timestamp: T0 + n, key: "t/d", value: Buffer.from(JSON.stringify(reading(n, what))), headers: [] };
  };
  await Promise.all([log.append("readings", 0, [record(misdeed)]), log.append("readings", 1, [record("nothing")])]);
}

/** Supervises a thread that runs the hostile stage. Gives how often it has died. */
async function supervised(log: EmbeddedLog, functionTimeoutMs: number): Promise<() => number> {
  const metrics = createMetrics();
  const thread = superviseThread({
    stage: "functions",
    name: "hostile",
    functionTimeoutMs,
    functionMemoryMib: MEMORY_MIB,
    silenceMs: 1000,
    spawn: (start) => spawnHostile(log, start),
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics,
    onFault: () => undefined,
  });
  cleanups.push(() => thread.terminate());
  await thread.start();
  return () => {
    const counted = metrics.snapshot().filter(({ name }) => name === "millrace_function_thread_deaths_total");
    return counted.reduce((sum, { value }) => sum + value, 0);
  };
}

function spawnHostile(log: EmbeddedLog, { marks, suspicions, resourceLimits }: ThreadStart): RunningThread {
  const connection = log.connect();
  const worker = new Worker(new URL("../support/hostile-thread.ts", import.meta.url), {
    workerData: { connection, marks, suspicions, heapMib: MEMORY_MIB },
    transferList: [connection.port],
    resourceLimits,
  });
  let failure: Error | null = null;
  worker.on("error", (error: Error) => (failure = error));
  return {
    worker,
    onEnd: (listener) => void worker.on("exit", () => listener(failure)),
    start: () => new Promise((resolve) => worker.once("online", resolve)),
  };
}

async function values(log: EmbeddedLog, topic: string): Promise<unknown[]> {
  const reader = log.openReader([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  const found: unknown[] = [];
  for (;;) {
    const slices = await reader.poll({ bytesMax: 1 << 20, waitMs: 0 });
    if (slices.length === 0) break;
    for (const { records } of slices) {
      for (const { value } of records) found.push(JSON.parse(Buffer.from(value).toString()));
    }
  }
  reader.close();
  return found;
}
