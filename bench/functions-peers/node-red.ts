import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../test/support/free-port.ts";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { endChild } from "../ingest/ask-child.ts";
import { startServer } from "../ingest/ingest-servers.ts";
import { NODE_RED_FUNCTIONS, type JobName } from "./peer-jobs.ts";

const VERSION = "5.0.7";
/** Node-RED is no dependency of ours: it is installed once, apart from the project. */
const HOME = join(homedir(), ".cache", "millrace-bench", `node-red-${VERSION}`);
const START_MS_MAX = 60_000;

/** Where Node-RED's program is, installed if it was not; null when it cannot be. */
export function installNodeRed(): string | null {
  const program = join(HOME, "node_modules", "node-red", "red.js");
  if (existsSync(program)) return program;
  mkdirSync(HOME, { recursive: true });
  const installed = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--prefix", HOME, `node-red@${VERSION}`]);
  return installed.status === 0 && existsSync(program) ? program : null;
}

export function nodeRedVersion(program: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(program, "..", "package.json"), "utf8"));
  return typeof manifest === "object" && manifest !== null ? String(Reflect.get(manifest, "version")) : "unknown";
}

export interface NodeRed {
  /** Mosquitto's and Node-RED's. */
  readonly pids: readonly number[];
  readonly mqttPort: number;
  /** Messages that the flow has taken in. */
  taken(): Promise<number>;
  stop(): Promise<void>;
}

/** Mosquitto without persistence, and behind it Node-RED with the job as a flow: mqtt in, function, mqtt out. */
export async function startNodeRed(program: string, job: JobName): Promise<NodeRed> {
  const directory = temporaryDirectory();
  const broker = await startServer("mosquitto", [], null);
  const port = await freePort();
  writeFileSync(join(directory.path, "flows.json"), JSON.stringify(flowsOf(job, broker.port)));
  const settings = `module.exports = { uiHost: "127.0.0.1", uiPort: ${port}, httpAdminRoot: false, flowFile: "flows.json",
    logging: { console: { level: "warn" } }, telemetry: { enabled: false, updateNotification: false } };`;
  writeFileSync(join(directory.path, "settings.js"), settings);
  const child = spawn(process.execPath, [program, "--userDir", directory.path], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const taken = async (): Promise<number> => Number(await (await fetch(`http://127.0.0.1:${port}/taken`)).text());
  await answering(child, taken);
  return {
    pids: [broker.pid, child.pid ?? 0],
    mqttPort: broker.port,
    taken,
    async stop() {
      await endChild(child);
      await broker.stop();
      directory.dispose();
    },
  };
}

async function answering(child: ChildProcess, taken: () => Promise<number>): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    const found = await taken().catch(() => Number.NaN);
    if (!Number.isNaN(found)) break;
    if (child.exitCode !== null || performance.now() > deadline) throw new Error("Node-RED does not answer");
    await delay(200);
  }
  // Its flow answers before its subscription stands.
  await delay(2000);
}

/** Takes in with QoS 1, as the devices publish, and writes with QoS 0, which is the least that it can do. */
function flowsOf(job: JobName, mqttPort: number): object[] {
  const tab = { id: "tab", type: "tab", label: job };
  const on = { z: "tab", x: 0, y: 0 };
  return [
    tab,
    {
      id: "broker",
      type: "mqtt-broker",
      broker: "127.0.0.1",
      port: String(mqttPort),
      clientid: "node-red",
      autoConnect: true,
      protocolVersion: "4",
      keepalive: "60",
      cleansession: true,
    },
    {
      ...on,
      id: "in",
      type: "mqtt in",
      topic: "millrace/default/+/telemetry",
      qos: "1",
      datatype: "json",
      broker: "broker",
      inputs: 0,
      wires: [["job"]],
    },
    { ...on, id: "job", type: "function", func: NODE_RED_FUNCTIONS[job], outputs: 1, wires: [["out"]] },
    { ...on, id: "out", type: "mqtt out", topic: "", qos: "0", retain: "false", broker: "broker", wires: [] },
    { ...on, id: "ask", type: "http in", url: "/taken", method: "get", wires: [["count"]] },
    {
      ...on,
      id: "count",
      type: "function",
      func: 'msg.payload = String(flow.get("taken") || 0); return msg;',
      outputs: 1,
      wires: [["answer"]],
    },
    { ...on, id: "answer", type: "http response", statusCode: "200", wires: [] },
  ];
}
