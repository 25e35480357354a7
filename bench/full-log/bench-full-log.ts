import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { commandLine, describeMachine, machineRows } from "../machine.ts";
import { writeReport } from "../write-report.ts";
import { fillLog, type LapCost } from "./fill-log.ts";

const MIB = 1024 ** 2;
const HEADINGS = ["lap", "commits", "CPU of a commit, ms", "beside lap 1", "p50, ms", "p99, ms", "file, MB"];

/** Measures what a commit of the embedded log costs when the log has been full for long, beside a new one, and writes docs/benchmarks/full-log.md. */
export async function benchFullLog(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      mib: { type: "string", default: "512" },
      laps: { type: "string", default: "6" },
      "commit-kib": { type: "string", default: "100" },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const measured = { ...commandLine("npm run bench"), note: values.note, machine: describeMachine() };
  const directory = temporaryDirectory();
  try {
    const laps = await fillLog({
      directory: directory.path,
      bytesMax: Number(values.mib) * MIB,
      laps: Number(values.laps),
      commitBytes: Number(values["commit-kib"]) * 1024,
    });
    const cells = cellsOf(laps);
    console.log(formatTable(HEADINGS, cells));
    if (values["dry-run"]) return;
    writeReport("full-log", { ...measured, laps }, pageOf(machineRows(measured), cells, Number(values.mib)));
  } finally {
    directory.dispose();
  }
}

function cellsOf(laps: readonly LapCost[]): string[][] {
  const first = laps[0]?.cpuMsPerCommit ?? Number.NaN;
  return laps.map(({ lap, latency, cpuMsPerCommit, fileBytes }) => [
    String(lap),
    String(latency.count),
    cpuMsPerCommit.toFixed(2),
    (cpuMsPerCommit / first).toFixed(2),
    latency.p50.toFixed(2),
    latency.p99.toFixed(2),
    (fileBytes / 1e6).toFixed(0),
  ]);
}

function pageOf(machine: string, cells: readonly string[][], mib: number): string {
  return `# What a log costs that is full

Written by \`npm run bench -- full-log\`. Every number: [raw/full-log.json](raw/full-log.json).

${machine}

| ${HEADINGS.join(" | ")} |
| ${HEADINGS.map(() => "---:").join(" | ")} |
${cells.map((line) => `| ${line.join(" | ")} |`).join("\n")}

An embedded log with a ceiling of ${mib} MiB that is filled again and again, one commit after the other: records of 200 bytes, and a unit of a stage with each commit;
a snapshot after 500 of them deletes those before. A lap is as many bytes of records as the log may hold, so that from the second one on as much is deleted as is written. fdatasync is on. CPU is that
of the process, user and system. Encoding the records is in it, and no broker. Why this was not so before: [ADR 54](../adr/0054-no-value-is-larger-than-a-page.md).
`;
}
