import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startInstance, temporaryDirectory, type Instance } from "../../test/support/instance.ts";
import { createInstanceClient, type InstanceClient } from "../instance-client.ts";
import { costsOf, type CpuCost } from "../ingest/cpu-profiler.ts";
import { LOAD_SHAPES, type IngestClient, type ShapeName } from "../ingest/load-shapes.ts";
import { generate } from "../ingest/measure-ingest.ts";
import { busyCpuSeconds } from "../machine.ts";
import { threadCpuSeconds, treeCpuSeconds } from "../process-tree.ts";
import { probeSync } from "../sync-probe.ts";
import type { Latency } from "../statistics.ts";

export interface EndToEndTiming {
  /** Full load, worked to its end, before anything is measured. */
  readonly warmUpSeconds: number;
  /** Full load that is measured, to the last row. */
  readonly seconds: number;
}

/** One shape on an instance of its own. */
export interface EndToEndRun {
  readonly sync: Latency;
  readonly messages: number;
  /** From the first CONNECT until every message is processed, every row stored and every other consumer has caught up. */
  readonly seconds: number;
  /** Of all processes and threads of the instance, in that time. */
  readonly cpuSeconds: number;
  readonly cpuSecondsByThread: Readonly<Record<string, number>>;
  readonly acknowledgedPerSecond: number;
  readonly readingRows: number;
  readonly readingInserts: number;
  /** Cores that neither the instance nor the generator used, the benchmark's own looks included. */
  readonly coresOfOthers: number;
  /** Rows in ClickHouse for each message, by the audit. */
  readonly rowsPerMessage: number;
  readonly balanced: boolean;
}

/** Event times of the warm-up lie so far back that those of the load do not meet them, though they go faster than the clock. */
const WARM_UP_BACK_MS = 1_800_000;

/** By thread, of a run of its own. */
export type EndToEndProfile = Readonly<Record<string, readonly CpuCost[]>>;

export async function measureEndToEnd(name: ShapeName, timing: EndToEndTiming): Promise<EndToEndRun> {
  const directory = temporaryDirectory();
  const sync = probeSync(directory.path);
  const instance = await startInstance({ data: join(directory.path, "data"), flags: ["--log-level", "warn"] });
  try {
    return { sync, ...(await measureOn(instance, name, timing)) };
  } finally {
    await instance.kill();
    directory.dispose();
  }
}

/** Where the threads of the instance spend their time. The profiler takes time too. */
export async function profileEndToEnd(name: ShapeName, timing: EndToEndTiming): Promise<EndToEndProfile> {
  const directory = temporaryDirectory();
  const profiles = join(directory.path, "profiles");
  const instance = await startInstance({
    data: join(directory.path, "data"),
    flags: ["--log-level", "warn"],
    environment: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` },
  });
  try {
    await measureOn(instance, name, timing);
    await instance.stop();
    const files = readdirSync(profiles).filter((file) => file.endsWith(".cpuprofile"));
    const costs = files.map((file) => costsOf(JSON.parse(readFileSync(join(profiles, file), "utf8"))));
    return Object.fromEntries(files.map((file, index) => [threadOf(file), costs[index] ?? []]));
  } finally {
    await instance.kill();
    directory.dispose();
  }
}

/** Names are CPU.DATE.TIME.PROCESS.THREAD.NUMBER.cpuprofile. */
function threadOf(file: string): string {
  const [, , , pid = "?", thread = "?"] = file.split(".");
  return `process ${pid}, thread ${thread}`;
}

async function measureOn(
  instance: Instance,
  name: ShapeName,
  timing: EndToEndTiming,
): Promise<Omit<EndToEndRun, "sync">> {
  const client = createInstanceClient(instance);
  const clients: readonly IngestClient[] = await client.addDevices(LOAD_SHAPES[name].connections);
  const load = {
    port: Number(new URL(instance.ready.mqtt).port),
    serverPid: instance.pid,
    clients,
    warmUpSeconds: 0,
    halfSeconds: 0,
  };
  const shapeFrom = (eventsFrom: number) => ({ ...LOAD_SHAPES[name], eventsFrom });
  const now = Date.now();
  const warmUp = await generate({ ...load, shape: shapeFrom(now - WARM_UP_BACK_MS), seconds: timing.warmUpSeconds });
  await client.settled(warmUp.acknowledged);
  const before = await marks(instance, client);
  const begun = performance.now();
  const { acknowledged, full } = await generate({ ...load, shape: shapeFrom(now), seconds: timing.seconds });
  await client.settled(warmUp.acknowledged + acknowledged);
  const seconds = (performance.now() - begun) / 1000;
  const after = await marks(instance, client);
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  const others = after.busySeconds - before.busySeconds - cpuSeconds - full.usage.generatorCpuSeconds;
  const { ledger, balanced } = await client.audit();
  return {
    messages: acknowledged,
    seconds,
    cpuSeconds,
    cpuSecondsByThread: Object.fromEntries(
      Object.entries(after.threads).map(([thread, used]) => [thread, used - (before.threads[thread] ?? 0)]),
    ),
    acknowledgedPerSecond: full.usage.messages / full.usage.seconds,
    readingRows: after.rows - before.rows,
    readingInserts: after.inserts - before.inserts,
    coresOfOthers: Math.max(0, others) / seconds,
    rowsPerMessage: ledger.values.stored / (warmUp.acknowledged + acknowledged),
    balanced,
  };
}

async function marks({ pid }: Instance, client: InstanceClient) {
  const table = 'table="readings"';
  return {
    rows: await client.counter("millrace_clickhouse_rows_total", table),
    inserts: await client.counter("millrace_clickhouse_inserts_total", table),
    threads: threadCpuSeconds(pid),
    cpuSeconds: treeCpuSeconds(pid),
    busySeconds: busyCpuSeconds(),
  };
}
