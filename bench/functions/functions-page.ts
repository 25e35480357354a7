import { LIMITS } from "../../core/limits.ts";
import { machineRows } from "../machine.ts";
import { lineCells } from "../report.ts";
import { DEVICES, FUNCTION_LOADS, LOAD_NAMES } from "./function-loads.ts";
import type { Machine } from "../machine.ts";
import type { Line } from "../report.ts";
import type { LoadName } from "./function-loads.ts";
import { BATCH, LAYOUTS, type FunctionRun } from "./measure-function.ts";

export interface FunctionsReport {
  readonly date: string;
  readonly command: string;
  /** What a reader must know of this run; empty when nothing. */
  readonly note: string;
  readonly machine: Machine;
  readonly warmUp: number;
  readonly runs: Record<LoadName, FunctionRun[]>;
}

export function functionLines({ runs }: FunctionsReport, name: LoadName): Line[] {
  return LAYOUTS.flatMap((partitions) => layoutLines(name, partitions, runs[name]));
}

function layoutLines(name: LoadName, partitions: number, all: readonly FunctionRun[]): Line[] {
  const runs = all.filter((run) => run.partitions === partitions);
  const of = (unit: string, value: (run: FunctionRun) => number): Line => ({
    what: `${name}, ${partitions === 1 ? "1 partition" : `${partitions} partitions`}`,
    unit,
    values: runs.map(value),
  });
  return [
    of("msg/s per CPU-second", (run) => run.messages / run.cpuSeconds),
    of("µs of CPU per message", (run) => (1e6 * run.cpuSeconds) / run.messages),
    of("outputs per message", (run) => run.outputs / run.messages),
    of("bytes of outputs per message", (run) => run.outputBytes / run.messages),
    of("bytes of units per message", (run) => run.unitBytes / run.messages),
  ];
}

/** The page docs/benchmarks/functions.md. */
export function functionsPage(report: FunctionsReport): string {
  const messages = report.runs.stock[0]?.messages ?? 0;
  const sections = LOAD_NAMES.map((name) => {
    const { what, target } = FUNCTION_LOADS[name];
    const rows = functionLines(report, name).map((line) => {
      return `| ${lineCells(line).join(" | ")} |`;
    });
    return `### ${name}: ${what}

Aim: ${target.toLocaleString("en")} msg/s per CPU-second.

| what | unit | median | runs |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
  });
  return `# What functions cost

One thread does what a worker does with messages, without log and disk: it decodes record batches, runs the stage over its partitions
(\`createStagePartition\`), ends a unit with its ${LIMITS.unitRecordsMax.toLocaleString("en")}th record, after 2 MiB or after half a second, as one that is late does, and encodes the unit and the record batches of the outputs. JSON is parsed
and made as always. ${DEVICES.toLocaleString("en")} devices send one after the other. They lie in the 32 partitions that an installation has by default, which the
worker takes in turns, ${BATCH} messages of each; or all in one, so that every message of a unit is another device's and nothing of the state that a unit carries is
written twice in it: the dearest case, which a fleet of 320,000 would be, or a worker that keeps up and ends units every 25 ms. The CPU is that of the whole process, with what compiles and
collects garbage beside the thread. Each run is a process of its own: ${report.warmUp.toLocaleString("en")} messages to warm up, then
${messages.toLocaleString("en")}.

${machineRows(report)}

${sections.join("\n")}
Raw numbers: [raw/functions.json](raw/functions.json).
`;
}
