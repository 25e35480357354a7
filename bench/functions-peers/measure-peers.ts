import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../../test/support/instance.ts";
import { createInstanceClient } from "../instance-client.ts";
import { generate, makeClients } from "../ingest/measure-ingest.ts";
import { topicOf } from "../ingest/publish-batches.ts";
import { treeCpuSeconds } from "../process-tree.ts";
import { startNodeRed } from "./node-red.ts";
import { DEVICES, FUNCTIONS, LOAD, type JobName } from "./peer-jobs.ts";
import type { IngestClient } from "../ingest/load-shapes.ts";

/** One job under one load, from the first message to the last result. */
export interface PeerRun {
  readonly messages: number;
  readonly seconds: number;
  /** Of all server processes. */
  readonly cpuSeconds: number;
}

const TOPIC = "millrace/default/dev-#####/telemetry";
const DEVICE = "dev-#####";
const DRAIN_MS_MAX = 120_000;
/** In it each device is met for the first time, and code is compiled. */
const WARM_UP_SECONDS = 3;

/** Mosquitto acknowledges whatever Node-RED has done with it: what counts is when the last message has been through the flow. */
export async function measureNodeRed(program: string, job: JobName, seconds: number): Promise<PeerRun> {
  const server = await startNodeRed(program, job);
  const cpu = (): number => server.pids.reduce((sum, pid) => sum + treeCpuSeconds(pid), 0);
  const [serverPid = 0] = server.pids;
  try {
    const send = (forSeconds: number) => publish(makeClients(LOAD.connections), server.mqttPort, serverPid, forSeconds);
    const warm = await send(WARM_UP_SECONDS);
    await until(async () => (await server.taken()) >= warm);
    return await measured(cpu, async () => {
      const messages = await send(seconds);
      await until(async () => (await server.taken()) >= warm + messages);
      return messages;
    });
  } finally {
    await server.stop();
  }
}

/** A whole instance without tables, which Node-RED has none of either: messages and results are durable, on the disk. */
export async function measureMillrace(job: JobName, seconds: number): Promise<PeerRun> {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  const instance = await startInstance({ data, flags: ["--no-clickhouse", "--log-level", "warn"] });
  try {
    await deploy(job, data, join(directory.path, "functions"));
    const gateways = await addGateways(instance);
    const client = createInstanceClient(instance);
    const port = Number(new URL(instance.ready.mqtt).port);
    const warm = await publish(gateways, port, instance.pid, WARM_UP_SECONDS);
    await client.settled(warm);
    return await measured(
      () => treeCpuSeconds(instance.pid),
      async () => {
        const messages = await publish(gateways, port, instance.pid, seconds);
        await client.settled(warm + messages);
        return messages;
      },
    );
  } finally {
    await instance.kill();
    directory.dispose();
  }
}

async function measured(cpu: () => number, run: () => Promise<number>): Promise<PeerRun> {
  const [cpuBefore, begun] = [cpu(), performance.now()];
  const messages = await run();
  return { messages, seconds: (performance.now() - begun) / 1000, cpuSeconds: cpu() - cpuBefore };
}

async function publish(
  clients: readonly IngestClient[],
  port: number,
  serverPid: number,
  seconds: number,
): Promise<number> {
  const shape = { window: LOAD.window, batch: LOAD.batch, eventsFrom: Date.now(), topic: TOPIC };
  const { acknowledged } = await generate({
    port,
    serverPid,
    shape,
    clients,
    warmUpSeconds: 0,
    seconds,
    halfSeconds: 0,
  });
  return acknowledged;
}

async function deploy(job: JobName, data: string, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${job}.ts`);
  writeFileSync(file, FUNCTIONS[job]);
  const { code, stderr } = await runMillraceAsync(["deploy", file, "--yes", "--data", data]);
  if (code !== 0) throw new Error(`the function cannot be deployed: ${stderr}`);
}

/** One credential for each connection, which publishes for its thousand devices. */
async function addGateways({ httpUrl, ready }: Instance): Promise<IngestClient[]> {
  const clients = makeClients(LOAD.connections);
  const devices = Array.from({ length: DEVICES }, (_, index) => ({
    id: topicOf(DEVICE, index),
    via: clients[Math.floor(index / LOAD.window)]?.id,
  }));
  const all = [...clients.map(({ id, token }) => ({ id, token, gateway: true })), ...devices];
  const response = await fetch(`${httpUrl}/api/v1/devices/import`, {
    method: "POST",
    headers: { authorization: `Bearer ${ready.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ devices: all }),
  });
  if (!response.ok) throw new Error(`the devices cannot be made: ${await response.text()}`);
  return clients;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DRAIN_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("the flow did not come to the end of its messages");
    await delay(250);
  }
}
