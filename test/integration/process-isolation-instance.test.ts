import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countingFunction, FunctionInstance, upTo } from "../support/function-instance.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";

const HUGE = 5;
/** Outside of the heap that a thread is limited by, and written to, so that the memory is really taken. */
const GREEDY = countingFunction("greedy", `if (n === ${HUGE}) kept = Buffer.alloc(2 ** 30, 1);`);

describe.skipIf(!hasChdb())(`a stage with a process of its own ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const own = new FunctionInstance();
  const start = () =>
    own.start({ environment: { MILLRACE_FUNCTION_MEMORY_MIB: "256", MILLRACE_FUNCTION_TIMEOUT_MS: "20000" } });
  /** The processes that host stages. */
  const hosts = (): number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === own.instance.pid)
      .map(Number)
      .filter((pid) => commandOf(pid).includes("functions-host"));

  beforeAll(start, 120_000);
  afterAll(() => own.dispose());

  it("is hurt alone by a function that takes a gigabyte outside of its heap, and loses that record only", async () => {
    await own.deploy(countingFunction("friendly"));
    await own.deploy(GREEDY, "--stage", "heavy", "--isolation", "process");
    await own.send(20);
    await eventually(async () => (await own.stored("by_greedy")).length === own.sent - 1, 120_000);
    expect(await own.stored("by_greedy")).toEqual(upTo(own.sent, HUGE));
    expect(await own.stored("by_friendly")).toEqual(upTo(own.sent));
    const letters = async () =>
      (await own.api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue")).items;
    await eventually(async () => (await letters()).length === 1);
    expect(await letters()).toMatchObject([{ function: "greedy", errorClass: "OutOfMemory" }]);
    expect(own.instance.hasEnded()).toBe(false);
    expect(hosts()).toHaveLength(1);
  });

  it("goes on with its state when its process was killed, and after a restart of the instance", async () => {
    const [host = 0] = hosts();
    process.kill(host, "SIGKILL");
    await own.send(5);
    await eventually(async () => (await own.stored("by_greedy")).length === own.sent - 1, 60_000);
    expect((await own.stored("seen_by_greedy")).at(-1)).toBe(own.sent - 1);
    expect(hosts()).not.toContain(host);
    expect(await own.api.metrics()).toContain('millrace_function_process_deaths_total{stage="fn-heavy"} 1');
    await own.instance.kill();
    await start();
    await own.send(5);
    await eventually(async () => (await own.stored("by_greedy")).length === own.sent - 1, 60_000);
    expect(await own.stored("seen_by_greedy")).toEqual(upTo(own.sent).slice(1));
    const report: AuditReport = JSON.parse(await own.millrace("audit", "--json"));
    expect(report.balanced).toBe(true);
  });

  it("changes between process and threads as it is told, and keeps its state", async () => {
    await own.deploy(GREEDY, "--stage", "heavy", "--isolation", "thread");
    await eventually(async () => hosts().length === 0, 60_000);
    await own.send(2);
    await eventually(async () => (await own.stored("by_greedy")).length === own.sent - 1, 60_000);
    await own.deploy(GREEDY, "--stage", "heavy", "--isolation", "process");
    await eventually(async () => hosts().length === 1, 60_000);
    await own.send(2);
    await eventually(async () => (await own.stored("by_greedy")).length === own.sent - 1, 60_000);
    expect((await own.stored("seen_by_greedy")).at(-1)).toBe(own.sent - 1);
  });

  it("takes its process with it when it ends", async () => {
    await own.millrace("undeploy", "greedy", "--yes");
    await eventually(async () => hosts().length === 0, 60_000);
    await own.send(2);
    await eventually(async () => (await own.stored("by_friendly")).length === own.sent, 60_000);
  });
});

function parentOf(pid: string): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`);
}

/** Empty for a process that has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
