import { machineRows } from "../machine.ts";
import { lineCells } from "../report.ts";
import { median } from "../statistics.ts";
import { PAST_NAMES, PASTS, THREADINGS } from "./measure-backtest.ts";
import type { Machine } from "../machine.ts";
import type { Line } from "../report.ts";
import type { BacktestRun, PastName, Threading } from "./measure-backtest.ts";

/** Medians of docs/benchmarks/end-to-end.md, and when they were measured. */
export interface EndToEndRate {
  readonly date: string;
  readonly commit: string;
  /** From PUBLISH to the row in ClickHouse, with the load `pipelined`. */
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

export interface BacktestReport {
  readonly date: string;
  readonly command: string;
  readonly note: string;
  readonly machine: Machine;
  readonly endToEnd: EndToEndRate;
  readonly runs: Record<PastName, Record<Threading, BacktestRun[]>>;
}

export function backtestLines({ runs, endToEnd }: BacktestReport, name: PastName): Line[] {
  return THREADINGS.flatMap((threading) => {
    const some = runs[name][threading];
    const threads = some[0]?.threads ?? 1;
    const of = (unit: string, value: (run: BacktestRun) => number): Line => ({
      what: `${name}, ${threads === 1 ? "1 thread" : `${threads} threads`}`,
      unit,
      values: some.map(value),
    });
    return [
      of("readings/s by the clock", (run) => run.readings / run.seconds),
      of("times the end-to-end rate by the clock", (run) => timesByClock(run, endToEnd)),
      of("readings/s per CPU-second", (run) => run.readings / run.cpuSeconds),
      of("times the end-to-end rate per CPU-second", (run) => timesPerCpu(run, endToEnd)),
      of("values that differ", (run) => run.differing),
    ];
  });
}

function timesByClock({ readings, seconds }: BacktestRun, { perSecond }: EndToEndRate): number {
  return readings / seconds / perSecond;
}

function timesPerCpu({ readings, cpuSeconds }: BacktestRun, { perCpuSecond }: EndToEndRate): number {
  return readings / cpuSeconds / perCpuSecond;
}

/** The page docs/benchmarks/backtest.md. */
export function backtestPage(report: BacktestReport): string {
  const { endToEnd, runs } = report;
  const stored = runs["map-stored"];
  const readings = stored.all[0]?.readings ?? 0;
  const sections = PAST_NAMES.map((name) => {
    const rows = backtestLines(report, name).map((line) => `| ${lineCells(line).join(" | ")} |`);
    return `### ${name}: ${PASTS[name].what}

| what | unit | median | runs |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
  });
  const clock = median(stored.all.map((run) => timesByClock(run, endToEnd)));
  const cpu = median(stored.one.map((run) => timesPerCpu(run, endToEnd)));
  return `# Backtest: a function over the past

\`millrace backtest\` over an embedded log of ${readings.toLocaleString("en")} readings of 10,000 devices in 32 partitions: the log is opened, what devices and types are is
collected, every reading is run through the engine, what comes out is compared with what is stored, and all of it is hashed. Once in one thread, and once in as many as the command
takes of itself. The CPU is that of the whole process, the start of its threads included. Each run is a process of its own, which has backtested the same log once before: the code of the calling thread is compiled, that of the others is not.

The aim is five times the rate of the main job, and this is what that is compared with: the way from PUBLISH to the row in ClickHouse (\`pipelined\` in [end-to-end.md](end-to-end.md), ${endToEnd.date}, commit ${endToEnd.commit}, on a machine that was shared),
which is broker, log, stage and sink in several threads and processes. It made ${Math.round(endToEnd.perSecond).toLocaleString("en")} messages a second by the clock, on all cores of this machine and with the client that publishes beside it, and ${Math.round(endToEnd.perCpuSecond).toLocaleString("en")} for each
second of CPU that its own threads and processes took. A reading here is what a message is there; each of the two rates is compared with its like.

${aimText("By the clock, in all threads", clock)} ${aimText("Per CPU-second, in one", cpu)}

${machineRows(report)}

${sections.join("\n")}
Raw numbers: [raw/backtest.json](raw/backtest.json).
`;
}

function aimText(what: string, times: number): string {
  return `${what}, it is ${times >= 5 ? "reached" : "not reached"}: ${times.toFixed(1)} times, over what was made live (map-stored).`;
}
