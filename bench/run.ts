import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { formatTable } from "../app/commands/output.ts";
import { runIdle } from "./idle.ts";
import { describeMachine } from "./machine.ts";
import { mainJobPage } from "./main-job-page.ts";
import { runMainJob } from "./main-job.ts";
import { lineCells, reportLines } from "./report.ts";
import type { IdleRun } from "./idle.ts";
import type { MainJobRun } from "./main-job.ts";

/** `npm run bench`: measures the main job, prints a table and writes it under docs/benchmarks. Linux only: it reads /proc. */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "20" },
    "warm-up": { type: "string", default: "10" },
    "idle-seconds": { type: "string", default: "60" },
    devices: { type: "string", default: "50" },
    "dry-run": { type: "boolean", default: false },
  },
});
const FORMATTER = fileURLToPath(new URL("../node_modules/.bin/oxfmt", import.meta.url));
const DOCS = fileURLToPath(new URL("../docs/benchmarks/", import.meta.url));

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

const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ");
const report = { date: new Date().toISOString().slice(0, 10), command, machine, load, runs, idleSeconds, idle };
console.log(formatTable(["what", "unit", "median", "runs"], reportLines(report).map(lineCells)));
if (!values["dry-run"]) {
  mkdirSync(`${DOCS}raw`, { recursive: true });
  const files = { raw: `${DOCS}raw/main-job.json`, page: `${DOCS}main-job.md` };
  writeFileSync(files.raw, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files.page, mainJobPage(report));
  execFileSync(FORMATTER, Object.values(files), { stdio: "ignore" });
  console.log(`Written to ${DOCS}main-job.md and raw/main-job.json.`);
}
