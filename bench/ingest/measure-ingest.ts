import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { threadCpuSeconds } from "../process-tree.ts";
import { askChild, endChild, forkOnCore, GENERATOR_CORE } from "./ask-child.ts";
import { startOurs, startServer, type ServerName } from "./ingest-servers.ts";
import { LOAD_SHAPES, type IngestClient, type ShapeName } from "./load-shapes.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";
import type { CpuCost } from "./cpu-profiler.ts";
import type { IngestLoad, IngestResult } from "./generator.ts";
import type { IdleLoad, IdleResult } from "./idle-devices.ts";

/** V8's own, which there is only while it profiles. */
const PROFILER_THREAD = "v8:ProfEvntProc";

export interface IngestTiming {
  /** Full load before anything is measured. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Of ours at half of its rate. */
  readonly halfSeconds: number;
}

export function makeClients(count: number): IngestClient[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `bench-${index}`,
    token: `mr_d_${randomBytes(32).toString("base64url")}`,
  }));
}

/** One load on a server that was started for it. `kafka`: where ours writes, if not to its own disk. */
export async function measureIngest(
  name: ServerName,
  shapeName: ShapeName,
  timing: IngestTiming,
  kafka: readonly BrokerAddress[] | null,
): Promise<IngestResult> {
  const shape = LOAD_SHAPES[shapeName];
  const clients = makeClients(shape.connections);
  const server = await startServer(name, clients, kafka);
  const halfSeconds = name === "ours" ? timing.halfSeconds : 0;
  try {
    const load = { port: server.port, serverPid: server.pid, shape, clients, ...timing, halfSeconds };
    const result = await generate(load);
    const appended = await server.appended?.();
    // A message that was acknowledged and is not in the log makes every other figure worthless.
    if (appended !== undefined && appended < result.acknowledged)
      throw new Error(`${result.acknowledged} messages are acknowledged, ${appended} in the log`);
    if (result.full.usage.messages === 0) throw new Error(`${name} acknowledged nothing in ${timing.seconds} s`);
    return result;
  } finally {
    await server.stop();
  }
}

export interface ServerProfile {
  /** Of the main thread, largest first. */
  readonly costs: readonly CpuCost[];
  /** CPU seconds by thread name, of the same time. */
  readonly threads: Readonly<Record<string, number>>;
}

/** What takes our server's time in the pipelined shape. In a run of its own: the profiler takes time too. */
export async function profileOurs(
  { warmUpSeconds, seconds }: IngestTiming,
  kafka: readonly BrokerAddress[] | null,
): Promise<ServerProfile> {
  const shape = LOAD_SHAPES.pipelined;
  const clients = makeClients(shape.connections);
  const server = await startOurs(clients, kafka);
  const { pid: serverPid, port } = server;
  try {
    // Longer than the profile, so that the load lasts to its end.
    const load = { port, serverPid, shape, clients, warmUpSeconds, seconds: seconds + 2, halfSeconds: 0 };
    const generating = generate(load);
    await delay((warmUpSeconds + 1) * 1000);
    const before = threadCpuSeconds(serverPid);
    await server.startProfile();
    await delay(seconds * 1000);
    const after = threadCpuSeconds(serverPid);
    const costs = await server.stopProfile();
    await generating;
    const threads = Object.entries(after)
      .filter(([name]) => !name.endsWith(PROFILER_THREAD))
      .map(([name, cpuSeconds]) => [name, cpuSeconds - (before[name] ?? 0)] as const);
    return { costs, threads: Object.fromEntries(threads) };
  } finally {
    await server.stop();
  }
}

/** What connections cost that are open and say nothing, and what a CONNECT costs. */
export async function measureIdleDevices(
  name: ServerName,
  count: number,
  kafka: readonly BrokerAddress[] | null,
): Promise<IdleResult> {
  const clients = makeClients(count);
  const { pid: serverPid, port, stop } = await startServer(name, clients, kafka);
  const load = { port, serverPid, clients } satisfies IdleLoad;
  const generator = forkOnCore(GENERATOR_CORE, "./idle-devices.ts");
  try {
    return await askChild<IdleResult>(generator, load);
  } finally {
    await endChild(generator);
    await stop();
  }
}

/** Runs a load in a process of its own. */
export async function generate(load: IngestLoad): Promise<IngestResult> {
  const generator = forkOnCore(GENERATOR_CORE, "./generator.ts");
  try {
    return await askChild<IngestResult>(generator, load);
  } finally {
    await endChild(generator);
  }
}
