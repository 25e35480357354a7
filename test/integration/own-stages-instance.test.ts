import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countingFunction, FunctionInstance, upTo } from "../support/function-instance.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { Overview } from "../../core/overview.ts";
import type { FunctionUsage } from "../../core/function-usage.ts";

const [LOOP, HEAP] = [3, 7];
const FRIENDLY = countingFunction("friendly");
const POISON = `
    if (n === ${LOOP}) for (;;);
    if (n === ${HEAP}) { kept = []; for (;;) kept.push({ some: "memory", of: kept.length }); }
`;

describe.skipIf(!hasChdb())(`a hostile function in a stage of its own ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const own = new FunctionInstance();
  const start = (timeoutMs: number) => {
    const environment = { MILLRACE_FUNCTION_TIMEOUT_MS: String(timeoutMs), MILLRACE_FUNCTION_MEMORY_MIB: "64" };
    return own.start({ flags: ["--autoscale", "off"], environment });
  };

  beforeAll(() => start(3_600_000), 120_000);
  afterAll(() => own.dispose());

  it("hurts nobody else: what hangs for ever hangs alone", async () => {
    expect(await own.deploy(FRIENDLY)).toBe("friendly@1 runs from here on.\n");
    expect(await own.deploy(countingFunction("hostile", POISON), "--stage", "heavy")).toBe(
      "hostile@1 runs from here on, in stage heavy.\n",
    );
    expect(await own.stages()).toEqual(["stage:functions", "stage:fn-heavy"]);
    await own.send(LOOP);
    await eventually(async () => (await own.stored("by_hostile")).length === LOOP, 60_000);
    await own.send(4);
    await eventually(async () => (await own.stored("by_friendly")).length === own.sent, 60_000);
    expect(await own.stored("by_hostile")).toEqual(upTo(LOOP));
  });

  it("is there again after a restart, as all stages are, and its records die alone", async () => {
    await own.instance.kill();
    // Time enough to fill the heap in.
    await start(5000);
    await own.send(13);
    await eventually(async () => (await own.stored("by_hostile")).length === own.sent - 2, 90_000);
    expect(await own.stored("by_hostile")).toEqual(upTo(own.sent, LOOP, HEAP));
    await eventually(async () => (await own.stored("seen_by_friendly")).length === own.sent, 60_000);
    expect(await own.stored("seen_by_friendly")).toEqual(upTo(own.sent).map((n) => n + 1));
    const letters = async () =>
      (await own.api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue")).items;
    await eventually(async () => (await letters()).length === 2);
    // What the overview says of all messages is balanced without them: they were processed.
    const overview = () => own.api.get<Overview>("/overview");
    await eventually(async () => (await overview()).functions.deadLetters === 2, 60_000);
    expect((await overview()).ledger.messages.deadLettered).toBe(0);
    expect((await letters()).map(({ function: fn, errorClass }) => `${fn} ${errorClass}`).toSorted()).toEqual([
      "hostile OutOfMemory",
      "hostile TimeoutError",
    ]);
    const metrics = await own.api.metrics();
    expect(metrics).toContain('millrace_function_thread_deaths_total{class="OutOfMemory",stage="fn-heavy"} 2');
    expect(metrics).toContain('millrace_function_thread_deaths_total{class="OutOfMemory",stage="functions"} 0');
    const { items } = await own.api.get<{ items: readonly FunctionUsage[] }>("/functions/usage");
    expect(items.filter(({ stage }) => stage !== "main").map(({ stage, function: fn }) => `${stage} ${fn}`)).toEqual([
      "fn-heavy hostile",
      "functions friendly",
    ]);
  });

  it("is corrected, and its dead letters run again in its stage", async () => {
    await own.deploy(countingFunction("hostile"));
    expect(await own.millrace("dlq", "redrive", "--function", "hostile")).toContain("2 records are run again");
    await eventually(async () => (await own.stored("by_hostile")).length === own.sent, 60_000);
  });

  it("moves to another stage and begins anew there; the stage that it leaves ends", async () => {
    expect(await own.deploy(FRIENDLY, "--stage", "light")).toBe(
      "friendly@1 runs from here on, in stage light instead of functions: its state starts anew there.\n",
    );
    await eventually(async () => !(await own.stages()).includes("stage:functions"), 90_000);
    expect(await own.stages()).toEqual(["stage:fn-heavy", "stage:fn-light"]);
    const before = own.sent;
    await own.send(4);
    await eventually(async () => (await own.stored("by_friendly")).length === own.sent, 60_000);
    // Each number once more: counted from one again.
    expect((await own.stored("seen_by_friendly")).filter((n) => n <= own.sent - before)).toEqual([
      1, 1, 2, 2, 3, 3, 4, 4,
    ]);
  });

  it("ends its stage with its end, which begins anew when it comes back; and the ledger balances", async () => {
    await own.millrace("undeploy", "hostile", "--yes");
    await eventually(async () => !(await own.stages()).includes("stage:fn-heavy"), 90_000);
    await own.send(3);
    const report: AuditReport = JSON.parse(await own.millrace("audit", "--json"));
    expect(report.balanced).toBe(true);
    expect(await own.millrace("rollback", "hostile", "--to", "2")).toContain("hostile@2 runs from here on");
    expect(await own.stages()).toEqual(["stage:fn-heavy", "stage:fn-light"]);
    await own.send(2);
    await eventually(async () => (await own.stored("by_hostile")).length === own.sent - 3, 60_000);
    expect(await own.stored("by_friendly")).toEqual(upTo(own.sent));
  });
});
