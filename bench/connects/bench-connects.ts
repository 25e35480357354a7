import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { askChild, endChild } from "../ingest/ask-child.ts";
import { commandLine, describeMachine, machineRows } from "../machine.ts";
import { treeCpuSeconds } from "../process-tree.ts";
import { lineCells, type Line } from "../report.ts";
import { writeReport } from "../write-report.ts";
import { connectAll, CONNECT_KINDS, type ConnectKind } from "./connect-all.ts";
import type { ConnectServerOptions, ConnectServerReady } from "./connect-server.ts";

interface ConnectRun {
  readonly kind: ConnectKind;
  readonly connects: number;
  readonly cpuSeconds: number;
}

const SERVER = fileURLToPath(new URL("connect-server.ts", import.meta.url));

/** Measures what a CONNECT costs a gateway, with TLS and without, and writes docs/benchmarks/connects.md. Linux only: reads /proc. */
export async function benchConnects(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string", default: "5" },
      connects: { type: "string", default: "2000" },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const measured = { ...commandLine("npm run bench"), note: values.note, machine: describeMachine() };
  const runs = await measure(Number(values.rounds), Number(values.connects));
  const lines = CONNECT_KINDS.map((kind): Line => {
    const own = runs.filter((run) => run.kind === kind);
    return { what: NAMES[kind], unit: "µs of CPU", values: own.map((run) => (1e6 * run.cpuSeconds) / run.connects) };
  });
  const cells = lines.map(lineCells);
  console.log(formatTable(["what", "unit", "median", "runs"], cells));
  if (values["dry-run"]) return;
  const page = `# What a connection costs to open

Written by \`npm run bench -- connects\`. Every number with its runs: [raw/connects.json](raw/connects.json).

${machineRows(measured)}

| what | unit | median | runs |
| --- | --- | ---: | --- |
${cells.map((line) => `| ${line.join(" | ")} |`).join("\n")}

The CPU of a gateway (user and system, all threads) from the TCP connection to the CONNACK, over loopback, ${values.connects} connections in a run, 50 of them under way
at once, all of clients that the gateway has met before: it looks their tokens up by HMAC in memory and asks no registry. TLS 1.3 with a certificate of
P-256; the client checks it, and sends none. Resumed: with the ticket of the connection before. The kinds take turns, and the first round is not counted.
`;
  writeReport("connects", { ...measured, runs }, page);
}

const NAMES: Readonly<Record<ConnectKind, string>> = {
  tcp: "MQTT over TCP",
  tls: "MQTT over TLS, a new session",
  "tls-resumed": "MQTT over TLS, a resumed session",
};

async function measure(rounds: number, connects: number): Promise<readonly ConnectRun[]> {
  const directory = temporaryDirectory();
  const tokens = Array.from({ length: connects }, () => `mr_d_${randomBytes(32).toString("base64url")}`);
  const server = fork(SERVER);
  const runs: ConnectRun[] = [];
  try {
    const options: ConnectServerOptions = { directory: directory.path, tokens };
    const ports = await askChild<ConnectServerReady>(server, options);
    const sessions = new Map<number, Buffer>();
    for (let round = 0; round <= rounds; round += 1) {
      for (const kind of CONNECT_KINDS) {
        const before = treeCpuSeconds(server.pid ?? 0);
        await connectAll(kind, kind === "tcp" ? ports.port : ports.tlsPort, tokens, sessions);
        const cpuSeconds = treeCpuSeconds(server.pid ?? 0) - before;
        if (round > 0) runs.push({ kind, connects, cpuSeconds });
        console.error(`round ${round}, ${kind}: ${Math.round((1e6 * cpuSeconds) / connects)} µs of CPU per connection`);
      }
    }
  } finally {
    await endChild(server);
    directory.dispose();
  }
  return runs;
}
