import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import manifest from "../../package.json" with { type: "json" };
import { NODE_FLAGS } from "../../app/node-flags.ts";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { askChild, endChild, forkOnCore, onCore, SERVER_CORE } from "./ask-child.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";
import type { CpuCost } from "./cpu-profiler.ts";
import type { IngestClient } from "./load-shapes.ts";
import { freePort } from "../../test/support/free-port.ts";
import type { OurServerOptions, OurServerQuestion } from "./our-server.ts";

export type PeerName = "mosquitto" | "aedes";
export type ServerName = "ours" | PeerName;

/** A broker in a process of its own. */
export interface IngestServer {
  readonly pid: number;
  readonly port: number;
  /** How many messages lie in its log or have lain there; absent where there is no log. */
  appended?(): Promise<number>;
  stop(): Promise<void>;
}

interface OurServer extends IngestServer {
  startProfile(): Promise<void>;
  stopProfile(): Promise<CpuCost[]>;
}

/** Of the peers; null for one that is not installed. */
export const PEER_VERSIONS: Readonly<Record<PeerName, string | null>> = {
  mosquitto: /version (\S+)/.exec(spawnSync("mosquitto", ["-h"], { encoding: "utf8" }).stdout ?? "")?.[1] ?? null,
  aedes: manifest.devDependencies.aedes,
};

const START_MS_MAX = 10_000;
/** Ceilings that would keep messages back are off; nothing is written to the disk. */
const MOSQUITTO_SETTINGS = [
  "allow_anonymous true",
  "persistence false",
  "max_inflight_messages 0",
  "max_queued_messages 0",
  "set_tcp_nodelay true",
  "log_type none",
];

/** `kafka`: where ours writes, if not to its own disk. */
export function startServer(
  name: ServerName,
  clients: readonly IngestClient[],
  kafka: readonly BrokerAddress[] | null,
): Promise<IngestServer> {
  if (name === "ours") return startOurs(clients, kafka);
  return name === "aedes" ? startAedes() : startMosquitto();
}

/** On a fresh log: on Kafka when brokers are named, else embedded, in a directory that is removed at the end. */
export async function startOurs(
  clients: readonly IngestClient[],
  kafka: readonly BrokerAddress[] | null,
): Promise<OurServer> {
  const directory = temporaryDirectory();
  const child = forkOnCore(SERVER_CORE, "./our-server.ts", NODE_FLAGS);
  const log =
    kafka === null
      ? ({ kind: "embedded", directory: join(directory.path, "log") } as const)
      : ({ kind: "kafka", brokers: kafka } as const);
  const starting = askChild<{ port: number }>(child, { log, clients } satisfies OurServerOptions);
  const { port } = await starting.catch((error: unknown) => {
    directory.dispose();
    throw error;
  });
  const ask = async <T>(question: OurServerQuestion): Promise<T> =>
    (await askChild<{ answer: T }>(child, question)).answer;
  return {
    ...serverOf(child, port, () => directory.dispose()),
    appended: () => ask("appended"),
    startProfile: () => ask("profile"),
    stopProfile: () => ask("costs"),
  };
}

async function startAedes(): Promise<IngestServer> {
  const child = forkOnCore(SERVER_CORE, "./aedes-server.ts");
  const { port } = await askChild<{ port: number }>(child, "start");
  return serverOf(child, port);
}

async function startMosquitto(): Promise<IngestServer> {
  const directory = temporaryDirectory();
  const port = await freePort();
  const file = join(directory.path, "mosquitto.conf");
  writeFileSync(file, [`listener ${port} 127.0.0.1`, ...MOSQUITTO_SETTINGS, ""].join("\n"));
  const [command, ...args] = onCore(SERVER_CORE, "mosquitto");
  const child = spawn(command, [...args, "-c", file], { stdio: ["ignore", "ignore", "inherit"] });
  await listening(child, port);
  return serverOf(child, port, () => directory.dispose());
}

function serverOf(child: ChildProcess, port: number, dispose?: () => void): IngestServer {
  return {
    pid: child.pid ?? 0,
    port,
    async stop() {
      await endChild(child);
      dispose?.();
    },
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    const socket = connect({ port, host: "127.0.0.1" });
    const answers = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (answers) return;
    if (child.exitCode !== null || performance.now() > deadline) throw new Error("mosquitto does not listen");
    await delay(20);
  }
}
