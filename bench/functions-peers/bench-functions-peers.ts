import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { PEER_VERSIONS } from "../ingest/ingest-servers.ts";
import { commandLine, describeMachine, machineRows, type Machine } from "../machine.ts";
import { lineCells, type Line } from "../report.ts";
import { median } from "../statistics.ts";
import { writeReport } from "../write-report.ts";
import { measureMillrace, measureNodeRed, type PeerRun } from "./measure-peers.ts";
import { installNodeRed, nodeRedVersion } from "./node-red.ts";
import { DEVICES, JOBS, LOAD, METRIC, THRESHOLD, type JobName } from "./peer-jobs.ts";

interface Round {
  readonly job: JobName;
  readonly ours: PeerRun;
  /** Null where it is not installed. */
  readonly nodeRed: PeerRun | null;
}

interface PeersReport {
  readonly date: string;
  readonly command: string;
  readonly note: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly versions: { readonly nodeRed: string | null; readonly mosquitto: string | null };
  readonly rounds: readonly Round[];
}

/** A user's function beside the same job in Node-RED behind mosquitto, in turns, and writes docs/benchmarks/functions-peers.md. */
export async function benchFunctionsPeers(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "3" },
      seconds: { type: "string", default: "10" },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const machine = describeMachine();
  const program = PEER_VERSIONS.mosquitto === null ? null : installNodeRed();
  const seconds = Number(values.seconds);
  const rounds: Round[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    for (const job of JOBS) {
      const ours = await measureMillrace(job, seconds);
      const nodeRed = program === null ? null : await measureNodeRed(program, job, seconds);
      rounds.push({ job, ours, nodeRed });
      console.error(`${job}: ${perCpuSecond(ours)} against ${nodeRed === null ? "nobody" : perCpuSecond(nodeRed)}`);
    }
  }
  const versions = { nodeRed: program === null ? null : nodeRedVersion(program), mosquitto: PEER_VERSIONS.mosquitto };
  const report: PeersReport = {
    ...commandLine("npm run bench"),
    note: values.note,
    machine,
    seconds,
    versions,
    rounds,
  };
  const lines = JOBS.flatMap((job) => jobLines(report, job).map((line) => ({ ...line, what: `${job}, ${line.what}` })));
  console.log(formatTable(["what", "unit", "median", "runs"], lines.map(lineCells)));
  if (!values["dry-run"]) writeReport("functions-peers", report, pageOf(report));
}

function perCpuSecond({ messages, cpuSeconds }: PeerRun): number {
  return Math.round(messages / cpuSeconds);
}

function jobLines({ rounds }: PeersReport, job: JobName): Line[] {
  const own = rounds.filter((round) => round.job === job);
  const both = own.flatMap(({ ours, nodeRed }) => (nodeRed === null ? [] : [{ ours, nodeRed }]));
  const lines: Line[] = [
    { what: "Millrace", unit: "msg/s per CPU-second", values: own.map(({ ours }) => perCpuSecond(ours)) },
    { what: "Millrace, by the clock", unit: "msg/s", values: own.map(({ ours }) => ours.messages / ours.seconds) },
    {
      what: "Node-RED and mosquitto",
      unit: "msg/s per CPU-second",
      values: both.map(({ nodeRed }) => perCpuSecond(nodeRed)),
    },
    {
      what: "Node-RED and mosquitto, by the clock",
      unit: "msg/s",
      values: both.map(({ nodeRed }) => nodeRed.messages / nodeRed.seconds),
    },
    {
      what: "ratio per CPU-second",
      unit: "",
      values: both.map(({ ours, nodeRed }) => perCpuSecond(ours) / perCpuSecond(nodeRed)),
    },
  ];
  return lines.filter(({ values }) => values.length > 0);
}

function pageOf(report: PeersReport): string {
  const { versions, rounds, seconds } = report;
  const peers =
    versions.nodeRed === null
      ? "**Node-RED or mosquitto could not be had: there is nobody to compare with.**"
      : `Node-RED ${versions.nodeRed} behind mosquitto ${versions.mosquitto}, without persistence.`;
  const sections = JOBS.map((job) => {
    const rows = jobLines(report, job).map((line) => `| ${lineCells(line).join(" | ")} |`);
    return `### ${job}\n\n| what | unit | median | runs |\n| --- | --- | ---: | --- |\n${rows.join("\n")}`;
  });
  return `# A user's function beside Node-RED

Written by \`npm run bench -- functions-peers\`. Every number: [raw/functions-peers.json](raw/functions-peers.json).

${machineRows(report)}

## Result

${peers} Medians of ${median([rounds.length / JOBS.length])} runs in turns, then each run.

${sections.join("\n\n")}

## What is measured

- **filter**: messages whose \`${METRIC}\` is above ${THRESHOLD} (all of them) are converted to Fahrenheit and written. **window**: mean and maximum of ten seconds of event time
  for each of ${DEVICES.toLocaleString("en")} devices. The functions of both sides are in \`bench/functions-peers/peer-jobs.ts\`.
- ${LOAD.connections} connections, each with ${LOAD.window} devices and ${LOAD.window} messages under way, ${LOAD.batch} per write, QoS 1: 3 s of full load that are not measured, in which each device is met for
  the first time; ${seconds} s of full load; then until the last message has been through. Every message is another device's than the one before, and event times are those of the clock.
- **CPU-seconds** of all server processes, from /proc: of Millrace gateway, log, the stage that cleans, aggregates and alarms, the stage of the function, API and hub; of the peer mosquitto and Node-RED. The generator's are not counted.
- **What each does with a result**: Millrace appends it to its log and syncs it, with every message; Node-RED publishes it with QoS 0 and keeps nothing. A crash loses what Node-RED has in memory, and its windows.
- **Switched off**: Millrace's tables (\`--no-clickhouse\`), since Node-RED writes to none. Nothing else; devices are authenticated and checked, mosquitto's are anonymous.
`;
}
