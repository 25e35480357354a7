import { machineRows } from "../machine.ts";
import { lineCells, type Line } from "../report.ts";
import { generatorBound, idleLines, shapeLines, syncLines, threadShares, type IngestReport } from "./ingest-report.ts";
import { GENERATOR_CORE, SERVER_CORE } from "./ask-child.ts";
import { LOAD_SHAPES, SHAPE_NAMES } from "./load-shapes.ts";
import { PAYLOAD_BYTES } from "./publish-batches.ts";

const COSTS_SHOWN = 5;

/** The page docs/benchmarks/ingest.md, or ingest-kafka.md. */
export function ingestPage(report: IngestReport): string {
  const { rounds, log } = report;
  const raw = log === "kafka" ? "ingest-kafka" : "ingest";
  const shapes = SHAPE_NAMES.filter((shape) => rounds.some(({ results }) => results[shape] !== undefined));
  const sections = shapes.map((shape) => {
    const { connections, window, batch } = LOAD_SHAPES[shape];
    return `### ${shape}: ${connections} connections, ${window} unacknowledged each, ${batch} per write

${table(shapeLines(report, shape))}`;
  });
  return `# Ingest: from PUBLISH to PUBACK${log === "kafka" ? ", the log on Kafka" : ""}

Written by \`npm run bench -- ingest${log === "kafka" ? " --kafka" : ""}\`. Every number with its runs: [raw/${raw}.json](raw/${raw}.json).
${log === "kafka" ? "With the log embedded, and beside other brokers: [ingest.md](ingest.md)." : "With the log on Kafka: [ingest-kafka.md](ingest-kafka.md)."}

${machineRows(report, [`| servers | ${serverText(report)} |`, `| cores | ${coreText(report)} |`])}

## Result

Medians of ${rounds.length} runs, then each run. A ratio is that of the two servers' figures in the same run.

${sections.join("\n\n")}

### The disk

${table(syncLines(report))}
${idleSection(report)}${profileSection(report)}
${method(report)}`;
}

function table(lines: readonly Line[]): string {
  const rows = lines.map((line) => `| ${lineCells(line).join(" | ")} |`);
  return ["| what | unit | median | runs |", "| --- | --- | ---: | --- |", ...rows].join("\n");
}

function serverText({ peers, log }: IngestReport): string {
  const names = Object.entries(peers).map(([name, version]) => `${name} ${version ?? "is absent: not installed"}`);
  return [`ours, the log ${log === "kafka" ? "on one Kafka broker of this machine" : "embedded"}`, ...names].join("; ");
}

function coreText({ isPinned }: IngestReport): string {
  if (!isPinned) return "not pinned: there is no taskset, or only one core";
  return `server on core ${SERVER_CORE}, generator on core ${GENERATOR_CORE} (\`taskset -c\`)`;
}

function idleSection(report: IngestReport): string {
  if (report.idle === null) return "";
  return `
### ${report.idle.connections} idle connections

Each has published once. CPU per CONNECT is that of connecting all of them again: accept, CONNECT with a credential that is still
remembered, CONNACK.

${table(idleLines(report))}
`;
}

function profileSection({ profile }: IngestReport): string {
  if (profile === null) return "";
  const rows = profile.costs
    .slice(0, COSTS_SHOWN)
    .map(({ where, share }) => `| ${where.replaceAll("|", "\\|")} | ${(100 * share).toFixed(1)} % |`);
  return `
### What our server's time goes to

The ${COSTS_SHOWN} functions with most self time of the main thread's busy time, in the pipelined shape, in a run of its own with the profiler on.

| function | share |
| --- | ---: |
${rows.join("\n")}

CPU by thread: ${threadShares(profile)}.
`;
}

function method(report: IngestReport): string {
  const { timing, log } = report;
  const bound = generatorBound(report);
  return `## What is measured

- Every message is MQTT 3.1.1, QoS 1, on \`v1/devices/me/telemetry\`, with JSON of ${PAYLOAD_BYTES} bytes: an event time and six metrics. The servers take
  turns, run by run, each freshly started, in processes of their own, over loopback with TCP_NODELAY; ${timing.warmUpSeconds} s of full load, then ${timing.seconds} s that
  are measured while the load goes on.
- **CPU-seconds** are user and system time of the server's whole process tree, from /proc.
- The generator is a process of its own whose CPU is not counted. It demands the PUBACK of each message, in order.
  ${bound.length === 0 ? "It had CPU to spare in every run." : `It was the bottleneck (above 95 % of its core) for ${bound.join(", ")}: there the rate by the clock is its own.`}
- **PUBACK at full load** counts from the write of a message whose window had room: it is little else than the window divided by the rate.
  **At half load** (${timing.halfSeconds} s, after it) batches are due at fixed times, half of the rate before, and latency counts from then.
- **Taken by others** is what other processes used of the machine's cores${log === "kafka" ? ", the Kafka broker among them" : ""}. Where it is much, latencies and rates by the clock
  say more about the machine; the rate per CPU-second hardly moves.
- **Memory** is the resident set of the server's tree after the full load${log === "kafka" ? "" : ", without the log's memory map"}.

## Ours

The broker and the log of an installation, with all limits, HMAC look-up of tokens (in memory), topic rules, receive clock and metrics.
${
  log === "kafka"
    ? "The log is on one Kafka broker of this machine (acks = all, replication 1) whose CPU is not counted."
    : "Every PUBACK waits for the fdatasync of its commit, and retention is on with a ceiling of 1 GiB."
} After each run the log held at least as many messages as were
acknowledged.

**Switched off**: the stage, the sinks, registry and API, dashboard, other gateways: nothing but ingest runs.
${
  log === "kafka"
    ? ""
    : `
## Peers

Both are brokers only and keep nothing: a message nobody subscribes to is acknowledged and dropped. **aedes** is bare, with its memory
persistence. **mosquitto** has no persistence, \`max_inflight_messages 0\`, \`max_queued_messages 0\`, \`set_tcp_nodelay true\`, \`allow_anonymous true\`.
Neither checks a credential.
`
}`;
}
