import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import {
  formatBroker,
  isRunning,
  startBroker,
  untilServing,
  untilSilent,
  type BrokerOptions,
} from "./broker-process.ts";
import { kafkaLibraries } from "./kafka-libraries.ts";

const clusterSchema = z.object({
  libraries: z.string(),
  brokers: z.array(
    z.object({
      id: z.int(),
      pid: z.int(),
      port: z.int(),
      directory: z.string(),
      /** Ports of the listeners beside the plain one, by name. */
      listeners: z.record(z.string(), z.int()),
    }),
  ),
});
/** Brokers on this machine. `pid` is that of the last start. */
export type KafkaCluster = z.infer<typeof clusterSchema>;

export interface KafkaClusterSecurity {
  /** Listeners beside the plain one: their names and security protocols. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Added to the command that formats the storage. */
  readonly formatArguments: readonly string[];
}

const STOP_TIMEOUT_MS = 30_000;
const CLUSTER_FILE = "cluster.json";

/**
 * Makes a new cluster of one broker or three, combined with their controllers (KRaft), on free ports of the loopback, and starts it.
 * Everything lies in `directory`. Resolves when every broker takes connections.
 */
export async function createKafkaCluster(
  directory: string,
  count: 1 | 3,
  properties: Readonly<Record<string, string>> = {},
  { listeners, formatArguments }: KafkaClusterSecurity = { listeners: {}, formatArguments: [] },
): Promise<KafkaCluster> {
  if (existsSync(join(directory, CLUSTER_FILE))) {
    throw new MillraceError("ALREADY_EXISTS", `there is a Kafka cluster in ${directory}`, {
      remedy: "Stop it with `npm run kafka:down`, or name another folder.",
    });
  }
  const libraries = kafkaLibraries();
  mkdirSync(directory, { recursive: true });
  const names = Object.entries(listeners);
  const ports = await freePorts((2 + names.length) * count);
  // Its first letter is Q: to Kafka's tool a hyphen in front would begin an option.
  const clusterId = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]).toString("base64url");
  const voters = Array.from({ length: count }, (_, n) => `${n + 1}@127.0.0.1:${ports[count + n] ?? 0}`).join();
  const all = Array.from({ length: count }, (_, n): BrokerOptions => {
    const [port = 0, controllerPort = 0] = [ports[n], ports[count + n]];
    const own = { id: n + 1, port, controllerPort, directory: join(directory, `broker-${n + 1}`) };
    const extra = names.map(([name, protocol], at) => ({ name, protocol, port: ports[(2 + at) * count + n] ?? 0 }));
    return { ...own, libraries, voters, brokers: count, clusterId, properties, formatArguments, listeners: extra };
  });
  for (const broker of all) formatBroker(broker);
  const brokers = all.map(({ id, port, directory: own, listeners: extra = [] }) => {
    const byName = Object.fromEntries(extra.map((listener) => [listener.name, listener.port]));
    return { id, port, directory: own, listeners: byName, pid: startBroker({ libraries, directory: own }) };
  });
  const cluster = { libraries, brokers };
  writeFileSync(join(directory, CLUSTER_FILE), JSON.stringify(cluster));
  try {
    await Promise.all(brokers.map((broker) => untilServing(broker.directory, broker.pid, broker.port)));
  } catch (error) {
    await Promise.all(brokers.map(({ pid }) => stopBroker(pid)));
    throw error;
  }
  return cluster;
}

/** Ends one broker, and starts it again when it has ended. Resolves when it takes connections. */
export async function restartBroker(cluster: KafkaCluster, id: number, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  await endBroker(cluster, id, signal);
  await startAgain(cluster, id);
}

/** Resolves when the broker has ended and nobody takes connections at its port. */
export async function endBroker(cluster: KafkaCluster, id: number, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const { pid, port } = brokerOf(cluster, id);
  await stopBroker(pid, signal);
  await untilSilent(port);
}

/** Starts a broker that has ended. Resolves when it takes connections. */
export async function startAgain(cluster: KafkaCluster, id: number): Promise<void> {
  const broker = brokerOf(cluster, id);
  broker.pid = startBroker({ libraries: cluster.libraries, directory: broker.directory });
  await untilServing(broker.directory, broker.pid, broker.port);
}

function brokerOf({ brokers }: KafkaCluster, id: number): KafkaCluster["brokers"][number] {
  const broker = brokers.find((one) => one.id === id);
  if (broker === undefined) throw new MillraceError("NOT_FOUND", `the cluster has no broker ${id}`);
  return broker;
}

/** Null when there is none in the folder. */
export function readKafkaCluster(directory: string): KafkaCluster | null {
  const file = join(directory, CLUSTER_FILE);
  return existsSync(file) ? clusterSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : null;
}

/** `host:port` of every broker, comma separated: what KAFKA_BROKERS takes. */
export function bootstrapOf({ brokers }: KafkaCluster): string {
  return brokers.map(({ port }) => `127.0.0.1:${port}`).join();
}

/** Ends every broker by its process id, in order where it can, and deletes the folder. */
export async function removeKafkaCluster(directory: string, { brokers }: KafkaCluster): Promise<void> {
  await Promise.all(brokers.map(({ pid }) => stopBroker(pid)));
  rmSync(directory, { recursive: true, force: true });
}

async function stopBroker(pid: number, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  if (isRunning(pid)) process.kill(pid, signal);
  while (isRunning(pid)) {
    if (Date.now() > deadline) process.kill(pid, "SIGKILL");
    await delay(50);
  }
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
