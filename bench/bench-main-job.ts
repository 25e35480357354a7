import { parseArgs } from "node:util";
import { formatTable } from "../app/commands/output.ts";
import { runIdle } from "./idle.ts";
import { commandLine, describeMachine } from "./machine.ts";
import { mainJobPage } from "./main-job-page.ts";
import { runMainJob } from "./main-job.ts";
import { lineCells, reportLines } from "./report.ts";
import { writeReport } from "./write-report.ts";
import type { IdleRun } from "./idle.ts";
import type { MainJobRun } from "./main-job.ts";

/** Measures the main job, prints a table and writes it under docs/benchmarks. */
export async function benchMainJob(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "5" },
      seconds: { type: "string", default: "20" },
      "warm-up": { type: "string", default: "10" },
      "idle-seconds": { type: "string", default: "60" },
      devices: { type: "string", default: "50" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const machine = describeMachine();
  const load = {
    devices: Number(values.devices),
    window: 100,
    warmUpSeconds: Number(values["warm-up"]),
    seconds: Number(values.seconds),
  };
  const idleSeconds = Number(values["idle-seconds"]);
  const runs: MainJobRun[] = [];
  for (let run = 1; run <= Number(values.runs); run += 1) {
    const result = await runMainJob(load);
    runs.push(result);
    console.error(`run ${run}: ${Math.round(result.storedPerCpuSecond)} msg/s per CPU-second`);
  }
  const idle: IdleRun[] = [];
  for (const clickhouse of idleSeconds > 0 ? [true, false] : []) idle.push(await runIdle(clickhouse, idleSeconds));

  const report = { ...commandLine("npm run bench"), machine, load, runs, idleSeconds, idle };
  console.log(formatTable(["what", "unit", "median", "runs"], reportLines(report).map(lineCells)));
  if (!values["dry-run"]) writeReport("main-job", report, mainJobPage(report));
}
