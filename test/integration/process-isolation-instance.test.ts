import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { RawReading } from "../../core/history.ts";

const [T0, HUGE] = [Date.now() - 1_000_000, 5];

const functionOf = (name: string, before = "") => `
import { defineStream, z } from "millrace/function";
let kept;
export const fn = defineStream({
  name: "${name}",
  input: z.object({ n: z.number() }),
  state: z.object({ count: z.number() }),
  initial: () => ({ count: 0 }),
  process({ metrics: { n } }, { count }) {
    ${before}
    return { state: { count: count + 1 }, emit: { by_${name}: n, seen_by_${name}: count + 1 } };
  },
});
`;
/** Outside of the heap that a thread is limited by, and written to, so that the memory is really taken. */
const GREEDY = functionOf("greedy", `if (n === ${HUGE}) kept = Buffer.alloc(2 ** 30, 1);`);

describe.skipIf(!hasChdb())(`a stage with a process of its own ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  let instance: Instance;
  let api: InstanceApi;
  let sent = 0;

  const start = () =>
    startInstance({
      data,
      environment: { MILLRACE_FUNCTION_MEMORY_MIB: "256", MILLRACE_FUNCTION_TIMEOUT_MS: "20000" },
    });
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
  /** The processes that host stages. */
  const hosts = (): number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === instance.pid)
      .map(Number)
      .filter((pid) => commandOf(pid).includes("functions-host"));
  const upTo = (count: number, ...without: readonly number[]) =>
    Array.from({ length: count }, (_, n) => n).filter((n) => !without.includes(n));

  beforeAll(async () => {
    instance = await start();
    api = instanceApi(data);
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  it("is hurt alone by a function that takes a gigabyte outside of its heap, and loses that record only", async () => {
    await deploy(functionOf("friendly"));
    await deploy(GREEDY, "--stage", "heavy", "--isolation", "process");
    await send(20);
    await eventually(async () => (await stored("by_greedy")).length === sent - 1, 120_000);
    expect(await stored("by_greedy")).toEqual(upTo(sent, HUGE));
    expect(await stored("by_friendly")).toEqual(upTo(sent));
    const letters = async () => (await api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue")).items;
    await eventually(async () => (await letters()).length === 1);
    expect(await letters()).toMatchObject([{ function: "greedy", errorClass: "OutOfMemory" }]);
    expect(instance.hasEnded()).toBe(false);
    expect(hosts()).toHaveLength(1);
  });

  it("goes on with its state when its process was killed, and after a restart of the instance", async () => {
    const [host = 0] = hosts();
    process.kill(host, "SIGKILL");
    await send(5);
    await eventually(async () => (await stored("by_greedy")).length === sent - 1, 60_000);
    expect((await stored("seen_by_greedy")).at(-1)).toBe(sent - 1);
    expect(hosts()).not.toContain(host);
    expect(await api.metrics()).toContain('millrace_function_process_deaths_total{stage="fn-heavy"} 1');
    await instance.kill();
    instance = await start();
    await send(5);
    await eventually(async () => (await stored("by_greedy")).length === sent - 1, 60_000);
    expect(await stored("seen_by_greedy")).toEqual(upTo(sent).slice(1));
    const report: AuditReport = JSON.parse(await millrace("audit", "--json"));
    expect(report.balanced).toBe(true);
  });

  it("takes its process with it when it ends", async () => {
    await millrace("undeploy", "greedy");
    await eventually(async () => hosts().length === 0, 60_000);
    await send(2);
    await eventually(async () => (await stored("by_friendly")).length === sent, 60_000);
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
