import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { startKafka, type KafkaServers } from "../../test/support/kafka-servers.ts";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { lineCells } from "../report.ts";
import { probeSync } from "../sync-probe.ts";
import { writeReport } from "../write-report.ts";
import { isPinned } from "./ask-child.ts";
import { ingestPage } from "./ingest-page.ts";
import {
  idleLines,
  perCpuSecond,
  shapeLines,
  syncLines,
  threadShares,
  type IngestReport,
  type IngestRound,
} from "./ingest-report.ts";
import { PEER_VERSIONS, type PeerName, type ServerName } from "./ingest-servers.ts";
import { SHAPE_NAMES, type ShapeName } from "./load-shapes.ts";
import { measureIdleDevices, measureIngest, profileOurs, type IngestTiming } from "./measure-ingest.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";
import type { IngestResult } from "./generator.ts";
import type { IdleResult } from "./idle-devices.ts";

type Kafka = readonly BrokerAddress[] | null;

const COSTS_PRINTED = 20;
const PEERS = ["mosquitto", "aedes"] as const satisfies readonly PeerName[];

/**
 * Measures what QoS 1 ingest costs, beside other brokers, and writes docs/benchmarks/ingest.md. `--kafka`: the gateway in front of Kafka.
 * `--shapes` and `--servers` measure less than all, for who is at work on one of them.
 */
export async function benchIngest(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      "warm-up": { type: "string", default: "2" },
      "half-seconds": { type: "string", default: "3" },
      shapes: { type: "string", default: SHAPE_NAMES.join() },
      servers: { type: "string", default: ["ours", ...PEERS].join() },
      connections: { type: "string", default: "0" },
      profile: { type: "boolean", default: false },
      kafka: { type: "boolean", default: false },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const machine = describeMachine();
  const timing: IngestTiming = {
    warmUpSeconds: Number(values["warm-up"]),
    seconds: Number(values.seconds),
    halfSeconds: Number(values["half-seconds"]),
  };
  const shapes = SHAPE_NAMES.filter((shape) => values.shapes.split(",").includes(shape));
  const peers = values.kafka ? [] : PEERS.filter((peer) => values.servers.split(",").includes(peer));
  const servers: ServerName[] = ["ours", ...peers.filter((peer) => PEER_VERSIONS[peer] !== null)];
  const rounds: IngestRound[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    // Another one begins each time.
    const order = [...servers.slice(run % servers.length), ...servers.slice(0, run % servers.length)];
    rounds.push(await withKafka(values.kafka, (kafka) => measureRound(shapes, order, timing, kafka)));
  }
  const count = Number(values.connections);
  const report: IngestReport = {
    ...commandLine("npm run bench"),
    machine,
    note: values.note,
    timing,
    log: values.kafka ? "kafka" : "embedded",
    isPinned,
    peers: Object.fromEntries(peers.map((peer) => [peer, PEER_VERSIONS[peer]])),
    rounds,
    profile: values.profile ? await withKafka(values.kafka, (kafka) => profileOurs(timing, kafka)) : null,
    idle: count > 0 ? { connections: count, results: await measureIdle(count, servers, values.kafka) } : null,
  };
  print(report, shapes);
  if (!values["dry-run"]) writeReport(values.kafka ? "ingest-kafka" : "ingest", report, ingestPage(report));
}

/** A fresh broker each time, so that the disk holds the messages of one round at most. */
async function withKafka<T>(wanted: boolean, work: (kafka: Kafka) => Promise<T>): Promise<T> {
  const kafka: KafkaServers | null = wanted ? await startKafka(1) : null;
  try {
    return await work(kafka?.addresses ?? null);
  } finally {
    await kafka?.stop();
  }
}

async function measureRound(
  shapes: readonly ShapeName[],
  servers: readonly ServerName[],
  timing: IngestTiming,
  kafka: Kafka,
): Promise<IngestRound> {
  const directory = temporaryDirectory();
  const sync = probeSync(directory.path);
  directory.dispose();
  const results: Partial<Record<ShapeName, Partial<Record<ServerName, IngestResult>>>> = {};
  for (const shape of shapes) {
    const ofShape: Partial<Record<ServerName, IngestResult>> = {};
    for (const server of servers) {
      const result = await measureIngest(server, shape, timing, kafka);
      ofShape[server] = result;
      console.error(`${shape}, ${server}: ${Math.round(perCpuSecond(result.full))} msg/s per CPU-second`);
    }
    results[shape] = ofShape;
  }
  return { sync, results };
}

async function measureIdle(count: number, servers: readonly ServerName[], onKafka: boolean) {
  const results: Partial<Record<ServerName, IdleResult>> = {};
  for (const server of servers)
    results[server] = await withKafka(onKafka, (kafka) => measureIdleDevices(server, count, kafka));
  return results;
}

function print(report: IngestReport, shapes: readonly ShapeName[]): void {
  const lines = [...shapes.flatMap((shape) => prefixed(shape, shapeLines(report, shape))), ...syncLines(report)];
  console.log(formatTable(["what", "unit", "median", "runs"], [...lines, ...idleLines(report)].map(lineCells)));
  for (const [name, version] of Object.entries(report.peers))
    if (version === null) console.log(`${name} is absent: it is not installed.`);
  if (report.profile === null) return;
  console.log(threadShares(report.profile));
  for (const { where, share } of report.profile.costs.slice(0, COSTS_PRINTED))
    console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${where}`);
}

function prefixed(shape: ShapeName, lines: ReturnType<typeof shapeLines>): ReturnType<typeof shapeLines> {
  return lines.map((line) => ({ ...line, what: `${shape}, ${line.what}` }));
}
