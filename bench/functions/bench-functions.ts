import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { lineCells } from "../report.ts";
import { writeReport } from "../write-report.ts";
import { LOAD_NAMES } from "./function-loads.ts";
import { functionLines, functionsPage } from "./functions-page.ts";
import { functionRunSchema, LAYOUTS } from "./measure-function.ts";
import type { FunctionsReport } from "./functions-page.ts";

const ONE_RUN = fileURLToPath(new URL("one-run.ts", import.meta.url));

/** Measures what functions cost a worker, prints a table and writes it under docs/benchmarks. */
export function benchFunctions(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "5" },
      messages: { type: "string", default: "400000" },
      "warm-up": { type: "string", default: "200000" },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const machine = describeMachine();
  const runs: FunctionsReport["runs"] = { stock: [], "stock-second": [], map: [], window: [] };
  for (let round = 1; round <= Number(values.runs); round += 1) {
    for (const name of LOAD_NAMES) {
      for (const partitions of LAYOUTS) {
        const command = [ONE_RUN, name, String(partitions), values["warm-up"], values.messages];
        const run = functionRunSchema.parse(JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" })));
        runs[name].push(run);
        const rate = Math.round(run.messages / run.cpuSeconds);
        console.error(`round ${round}, ${name} over ${partitions}: ${rate} msg/s per CPU-second`);
      }
    }
  }
  const { note } = values;
  const warmUp = Number(values["warm-up"]);
  const report: FunctionsReport = { ...commandLine("npm run bench"), note, machine, warmUp, runs };
  const lines = LOAD_NAMES.flatMap((name) => functionLines(report, name));
  console.log(formatTable(["what", "unit", "median", "runs"], lines.map(lineCells)));
  if (!values["dry-run"]) writeReport("functions", report, functionsPage(report));
}
