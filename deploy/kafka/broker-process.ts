import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";

export interface BrokerOptions {
  readonly libraries: string;
  /** Of this broker alone: its properties, its log and what it prints. */
  readonly directory: string;
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  /** `id@host:port` of every controller. */
  readonly voters: string;
  readonly brokers: number;
  /** The same for all brokers: a UUID in base64url. */
  readonly clusterId: string;
  /** Added to the broker's properties, or in place of them. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Beside the plain one. */
  readonly listeners?: readonly ExtraListener[];
  /** Added to the command that formats the storage, such as `--add-scram`. */
  readonly formatArguments?: readonly string[];
}

export interface ExtraListener {
  readonly name: string;
  /** `SASL_PLAINTEXT`, `SSL` or `SASL_SSL`. */
  readonly protocol: string;
  readonly port: number;
}

const JAVA = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/** At its default level every start prints the whole configuration. */
const QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
const START_TIMEOUT_MS = 90_000;

/** Formats a new broker's storage: to be called once, before its first start. */
export function formatBroker(options: BrokerOptions): void {
  mkdirSync(options.directory, { recursive: true });
  const file = join(options.directory, "server.properties");
  const lines = Object.entries({ ...propertiesOf(options), ...options.properties });
  writeFileSync(file, lines.map(([name, value]) => `${name}=${value}\n`).join(""));
  const tool = ["kafka.tools.StorageTool", "format", "-t", options.clusterId, "-c", file, "--ignore-formatted"];
  tool.push(...(options.formatArguments ?? []));
  const { status, stderr, stdout } = spawnSync("java", [QUIET, "-cp", `${options.libraries}/*`, ...tool], {
    encoding: "utf8",
  });
  if (status !== 0)
    throw new MillraceError("CONFIG_INVALID", `Kafka's storage cannot be formatted: ${stderr}${stdout}`);
}

/** Starts a formatted broker in a process of its own that outlives this one. Returns its process id. */
export function startBroker({ libraries, directory }: Pick<BrokerOptions, "libraries" | "directory">): number {
  const output = openSync(join(directory, "broker.log"), "a");
  const child = spawn(
    "java",
    [...JAVA, QUIET, "-cp", `${libraries}/*`, "kafka.Kafka", join(directory, "server.properties")],
    { detached: true, stdio: ["ignore", output, output] },
  );
  child.unref();
  if (child.pid === undefined) throw new MillraceError("CONFIG_INVALID", "java cannot be started");
  return child.pid;
}

/** Resolves when the broker takes connections. TIMED_OUT, with what it printed last, when it does not or has ended. */
export async function untilServing(directory: string, pid: number, port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (Date.now() > deadline || !isRunning(pid)) {
      const printed = readFileSync(join(directory, "broker.log"), "utf8").slice(-2000);
      throw new MillraceError("TIMED_OUT", `the Kafka broker in ${directory} does not serve: ${printed}`);
    }
    await delay(100);
  }
}

/** Resolves when nobody takes connections at the port: threads of a killed process may hold it a little longer than its main one. */
export async function untilSilent(port: number): Promise<void> {
  while (await accepts(port)) await delay(20);
}

/** True while the process is a Kafka broker: process ids are used again. */
export function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("kafka.Kafka");
  } catch {
    // No such process.
    return false;
  }
}

function propertiesOf(options: BrokerOptions): Record<string, string> {
  const { id, port, controllerPort, voters, directory, brokers, listeners = [] } = options;
  const all = [
    { name: "PLAINTEXT", protocol: "PLAINTEXT", port },
    { name: "CONTROLLER", protocol: "PLAINTEXT", port: controllerPort },
    ...listeners,
  ];
  const replicas = String(Math.min(3, brokers));
  const inSync = String(Math.min(2, brokers));
  return {
    "process.roles": "broker,controller",
    "node.id": String(id),
    "controller.quorum.voters": voters,
    listeners: all.map((listener) => `${listener.name}://127.0.0.1:${listener.port}`).join(),
    "listener.security.protocol.map": all.map(({ name, protocol }) => `${name}:${protocol}`).join(),
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": join(directory, "log"),
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": inSync,
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    // Of its 128 MiB, half the heap, which a restart with many partitions does not spare.
    "log.cleaner.dedupe.buffer.size": String(4 * 1024 ** 2),
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
