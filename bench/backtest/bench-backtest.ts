import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { formatTable } from "../../app/commands/output.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { lineCells } from "../report.ts";
import { median } from "../statistics.ts";
import { writeReport } from "../write-report.ts";
import { backtestLines, backtestPage, type BacktestReport, type EndToEndRate } from "./backtest-page.ts";
import { PAST_NAMES, THREADINGS, type BacktestRun } from "./measure-backtest.ts";

const ONE_RUN = fileURLToPath(new URL("one-run.ts", import.meta.url));
const END_TO_END = new URL("../../docs/benchmarks/raw/end-to-end.json", import.meta.url);

const runSchema: z.ZodType<BacktestRun> = z.object({
  readings: z.number(),
  records: z.number(),
  threads: z.number(),
  cpuSeconds: z.number(),
  seconds: z.number(),
  differing: z.number(),
});
const pipelined = z.object({ messages: z.number(), seconds: z.number(), cpuSeconds: z.number() });
const endToEndSchema = z.object({
  date: z.string(),
  machine: z.object({ commit: z.string() }),
  rounds: z.array(z.object({ pipelined })),
});

/** Measures backtests beside the last end-to-end figures, prints a table and writes it under docs/benchmarks. */
export function benchBacktest(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "3" },
      readings: { type: "string", default: "400000" },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const machine = describeMachine();
  const none = () => ({ one: [], all: [] });
  const runs: BacktestReport["runs"] = { "map-stored": none(), "map-new": none(), window: none() };
  for (let round = 1; round <= Number(values.runs); round += 1) {
    for (const name of PAST_NAMES) {
      for (const threading of THREADINGS) {
        const args = [ONE_RUN, name, values.readings, threading];
        const run = runSchema.parse(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })));
        runs[name][threading].push(run);
        const { readings, seconds, cpuSeconds, threads } = run;
        const rates = `${Math.round(readings / seconds)} readings/s, ${Math.round(readings / cpuSeconds)} per CPU-second`;
        console.error(`round ${round}, ${name}, threads ${threads}: ${rates}`);
      }
    }
  }
  const report: BacktestReport = {
    ...commandLine("npm run bench"),
    note: values.note,
    machine,
    endToEnd: endToEndRate(),
    runs,
  };
  const lines = PAST_NAMES.flatMap((name) => backtestLines(report, name));
  console.log(formatTable(["what", "unit", "median", "runs"], lines.map(lineCells)));
  if (!values["dry-run"]) writeReport("backtest", report, backtestPage(report));
}

function endToEndRate(): EndToEndRate {
  const { date, machine, rounds } = endToEndSchema.parse(JSON.parse(readFileSync(END_TO_END, "utf8")));
  const all = rounds.map((round) => round.pipelined);
  return {
    date,
    commit: machine.commit,
    perCpuSecond: median(all.map(({ messages, cpuSeconds }) => messages / cpuSeconds)),
    perSecond: median(all.map(({ messages, seconds }) => messages / seconds)),
  };
}
