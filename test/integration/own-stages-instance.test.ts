import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { FunctionUsage } from "../../core/function-usage.ts";
import type { RawReading } from "../../core/history.ts";
import type { PartitionView } from "../../core/partition-view.ts";

const [T0, LOOP, HEAP] = [Date.now() - 1_000_000, 3, 7];

const FRIENDLY = `
import { defineStream, z } from "millrace/function";
export const friendly = defineStream({
  name: "friendly",
  input: z.object({ n: z.number() }),
  state: z.object({ count: z.number() }),
  initial: () => ({ count: 0 }),
  process: ({ metrics }, { count }) => ({ state: { count: count + 1 }, emit: { by_friendly: metrics.n, seen: count + 1 } }),
});
`;
const hostileBy = (poison: string) => `
import { defineMap, z } from "millrace/function";
export const hostile = defineMap({
  name: "hostile",
  input: z.object({ n: z.number() }),
  process({ metrics: { n } }) {
    ${poison}
    return { by_hostile: n };
  },
});
`;
const POISON = `
    if (n === ${LOOP}) for (;;);
    if (n === ${HEAP}) { const kept = []; for (;;) kept.push({ some: "memory", of: kept.length }); }
`;

describe.skipIf(!hasChdb())(`a hostile function in a stage of its own ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  let instance: Instance;
  let api: InstanceApi;
  let sent = 0;

  const start = (timeoutMs: number) => {
    const environment = { MILLRACE_FUNCTION_TIMEOUT_MS: String(timeoutMs), MILLRACE_FUNCTION_MEMORY_MIB: "64" };
    return startInstance({ data, flags: ["--autoscale", "off"], environment });
  };
  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const deploy = (text: string, ...options: readonly string[]): Promise<string> => {
    const file = join(directory.path, "functions.ts");
    writeFileSync(file, text);
    return millrace("deploy", file, "--yes", ...options);
  };
  const send = async (count: number): Promise<void> => {
    const { ingest, token } = instance.ready;
    for (let n = 0; n < count; n += 1, sent += 1) {
      const response = await fetch(`${ingest}/v1/telemetry`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ ts: T0 + sent * 1000, values: { n: sent } }),
      });
      expect(response.status).toBeLessThan(300);
    }
  };
  /** The values of a metric, in order. */
  const stored = async (metric: string): Promise<number[]> => {
    const path = `/devices/${instance.ready.device}/readings?from=${T0}&to=${T0 + 1_000_000}&limit=1000`;
    const { items } = await api.get<{ items: readonly RawReading[] }>(path);
    return items
      .filter((one) => one.metric === metric)
      .map(({ value }) => Number(value))
      .toSorted((a, b) => a - b);
  };
  const stages = async () =>
    (await api.get<PartitionView>("/partitions")).consumers
      .map(({ name }) => name)
      .filter((name) => name.startsWith("stage:f"));
  const upTo = (count: number, ...without: readonly number[]) =>
    Array.from({ length: count }, (_, n) => n).filter((n) => !without.includes(n));

  beforeAll(async () => {
    instance = await start(3_600_000);
    api = instanceApi(data);
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  it("hurts nobody else: what hangs for ever hangs alone", async () => {
    expect(await deploy(FRIENDLY)).toBe("friendly@1 runs from here on.\n");
    expect(await deploy(hostileBy(POISON), "--stage", "heavy")).toBe("hostile@1 runs from here on, in stage heavy.\n");
    expect(await stages()).toEqual(["stage:functions", "stage:fn-heavy"]);
    await send(LOOP);
    await eventually(async () => (await stored("by_hostile")).length === LOOP, 60_000);
    await send(4);
    await eventually(async () => (await stored("by_friendly")).length === sent, 60_000);
    expect(await stored("by_hostile")).toEqual(upTo(LOOP));
  });

  it("is there again after a restart, as all stages are, and its records die alone", async () => {
    await instance.kill();
    instance = await start(1000);
    await send(13);
    await eventually(async () => (await stored("by_hostile")).length === sent - 2, 90_000);
    expect(await stored("by_hostile")).toEqual(upTo(sent, LOOP, HEAP));
    await eventually(async () => (await stored("seen")).length === sent, 60_000);
    expect(await stored("seen")).toEqual(upTo(sent).map((n) => n + 1));
    const letters = async () => (await api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue")).items;
    await eventually(async () => (await letters()).length === 2);
    expect((await letters()).map(({ function: fn, errorClass }) => `${fn} ${errorClass}`).toSorted()).toEqual([
      "hostile OutOfMemory",
      "hostile TimeoutError",
    ]);
    const metrics = await api.metrics();
    expect(metrics).toContain('millrace_function_thread_deaths_total{class="OutOfMemory",stage="fn-heavy"} 2');
    expect(metrics).toContain('millrace_function_thread_deaths_total{class="OutOfMemory",stage="functions"} 0');
    const { items } = await api.get<{ items: readonly FunctionUsage[] }>("/functions/usage");
    expect(items.filter(({ stage }) => stage !== "main").map(({ stage, function: fn }) => `${stage} ${fn}`)).toEqual([
      "fn-heavy hostile",
      "functions friendly",
    ]);
  });

  it("is corrected, and its dead letters run again in its stage", async () => {
    await deploy(hostileBy("/* better */"));
    expect(await millrace("dlq", "redrive", "--function", "hostile")).toContain("2 records are run again");
    await eventually(async () => (await stored("by_hostile")).length === sent, 60_000);
  });

  it("moves to another stage and begins anew there; the stage that it leaves ends", async () => {
    expect(await deploy(FRIENDLY, "--stage", "light")).toBe(
      "friendly@1 runs from here on, in stage light instead of functions: its state starts anew there.\n",
    );
    await eventually(async () => !(await stages()).includes("stage:functions"), 90_000);
    expect(await stages()).toEqual(["stage:fn-heavy", "stage:fn-light"]);
    const before = sent;
    await send(4);
    await eventually(async () => (await stored("by_friendly")).length === sent, 60_000);
    // Each number once more: counted from one again.
    expect((await stored("seen")).filter((n) => n <= sent - before)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
  });

  it("ends its stage with its end, which begins anew when it comes back; and the ledger balances", async () => {
    await millrace("undeploy", "hostile");
    await eventually(async () => !(await stages()).includes("stage:fn-heavy"), 90_000);
    await send(3);
    const report: AuditReport = JSON.parse(await millrace("audit", "--json"));
    expect(report.balanced).toBe(true);
    expect(await millrace("rollback", "hostile", "--to", "2")).toContain("hostile@2 runs from here on");
    expect(await stages()).toEqual(["stage:fn-heavy", "stage:fn-light"]);
    await send(2);
    await eventually(async () => (await stored("by_hostile")).length === sent - 3, 60_000);
    expect(await stored("by_friendly")).toEqual(upTo(sent));
  });
});
