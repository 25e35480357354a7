import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { functionRunSchema, type FunctionRun } from "../functions/measure-function.ts";
import type { CurveName } from "./growth-loads.ts";
import type { CurveMeasured } from "./growth-report.ts";

const ONE_RUN = fileURLToPath(new URL("one-run.ts", import.meta.url));

interface CurveJob {
  readonly curve: CurveName;
  readonly sizes: readonly number[];
}

type Measured = Partial<Record<CurveName, CurveMeasured["sizes"]>>;

/** Every size of every curve once in each round: what else the machine does meanwhile meets all sizes alike, and makes no slope. */
export function measureCurves(jobs: readonly CurveJob[], rounds: number, messages: number): Measured {
  const runs = new Map<string, FunctionRun[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const { curve, sizes } of jobs) {
      for (const size of sizes) {
        const command = [ONE_RUN, curve, String(size), String(messages)];
        const text = execFileSync(process.execPath, command, { encoding: "utf8", maxBuffer: 1e8 });
        const run = functionRunSchema.parse(JSON.parse(text));
        const id = `${curve} ${size}`;
        runs.set(id, [...(runs.get(id) ?? []), run]);
        const micros = ((1e6 * run.cpuSeconds) / run.messages).toFixed(1);
        console.error(
          `round ${round}, ${curve} ${size}: ${micros} µs of CPU per message, ${(run.outputs / run.messages).toFixed(2)} outputs`,
        );
      }
    }
  }
  const measured = jobs.map(({ curve, sizes }) => {
    return [curve, sizes.map((size) => ({ size, runs: runs.get(`${curve} ${size}`) ?? [] }))] as const;
  });
  return Object.fromEntries(measured);
}
