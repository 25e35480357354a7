import { machineRows } from "../machine.ts";
import { lineCells } from "../report.ts";
import { median } from "../statistics.ts";
import { PAST_NAMES, PASTS } from "./measure-backtest.ts";
import type { Machine } from "../machine.ts";
import type { Line } from "../report.ts";
import type { BacktestRun, PastName } from "./measure-backtest.ts";

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
  readonly runs: Record<PastName, BacktestRun[]>;
}

export function backtestLines({ runs, endToEnd }: BacktestReport, name: PastName): Line[] {
  const of = (unit: string, value: (run: BacktestRun) => number): Line => ({
    what: name,
    unit,
    values: runs[name].map(value),
  });
  return [
    of("readings/s per CPU-second", (run) => run.readings / run.cpuSeconds),
    of("times the end-to-end rate per CPU-second", (run) => run.readings / run.cpuSeconds / endToEnd.perCpuSecond),
    of("readings/s by the clock", (run) => run.readings / run.seconds),
    of("times the end-to-end rate by the clock", (run) => run.readings / run.seconds / endToEnd.perSecond),
    of("values that differ", (run) => run.differing),
  ];
}

/** The page docs/benchmarks/backtest.md. */
export function backtestPage(report: BacktestReport): string {
  const { endToEnd, runs } = report;
  const readings = runs["map-stored"][0]?.readings ?? 0;
  const sections = PAST_NAMES.map((name) => {
    const rows = backtestLines(report, name).map((line) => {
      const [, ...cells] = lineCells(line);
      return `| ${cells.join(" | ")} |`;
    });
    return `### ${name}: ${PASTS[name].what}

| unit | median | runs |
| --- | --- | --- |
${rows.join("\n")}
`;
  });
  const times = median(backtestLines(report, "map-stored")[1]?.values ?? []);
  return `# Backtest: a function over the past

\`millrace backtest\` over an embedded log of ${readings.toLocaleString("en")} readings of 10,000 devices in 32 partitions: the log is opened, what devices and types are is
collected, every reading is run through the engine, what comes out is compared with what is stored, and all of it is hashed. One thread does all
that; the CPU is that of the whole process. Each run is a process of its own, which has backtested the same log once before.

The aim is five times the rate of the main job, from PUBLISH to the row in ClickHouse: ${Math.round(endToEnd.perCpuSecond).toLocaleString("en")} messages per CPU-second of all its threads and
processes, ${Math.round(endToEnd.perSecond).toLocaleString("en")} a second by the clock (\`pipelined\` in [end-to-end.md](end-to-end.md), ${endToEnd.date}, commit ${endToEnd.commit}, on a machine that was shared).
${times >= 5 ? "It is reached." : `It is not reached: ${times.toFixed(1)} times per CPU-second.`}

${machineRows(report)}

${sections.join("\n")}
Raw numbers: [raw/backtest.json](raw/backtest.json).
`;
}
