import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { lineCells } from "../report.ts";
import { writeReport } from "../write-report.ts";
import { functionsLiveLines, functionsLivePage, type FunctionsLiveReport } from "./functions-live-page.ts";
import { measureBurst } from "./measure-burst.ts";
import { measureCold } from "./measure-cold.ts";
import { measureHostile } from "./measure-hostile.ts";
import { measurePoison } from "./measure-poison.ts";
import { measureWake } from "./measure-wake.ts";

const PARTITIONS = 32;

/** Measures users' functions on whole instances, prints a table and writes it under docs/benchmarks. `--only cold,wake`: these alone, and nothing is written. */
export async function benchFunctionsLive(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      threads: { type: "string", default: "20" },
      wakes: { type: "string", default: "40" },
      "burst-seconds": { type: "string", default: "90" },
      rate: { type: "string", default: "100" },
      seconds: { type: "string", default: "30" },
      only: { type: "string" },
      note: { type: "string", default: "" },
    },
  });
  const only = values.only?.split(",");
  const measured = async <T>(name: string, measure: () => Promise<T>): Promise<T | undefined> => {
    if (only !== undefined && !only.includes(name)) return undefined;
    console.error(name);
    return measure();
  };
  const machine = describeMachine();
  const report: FunctionsLiveReport = {
    ...commandLine("npm run bench"),
    note: values.note,
    machine,
    cold: await measured("cold", () => measureCold(Number(values.threads), PARTITIONS)),
    wake: await measured("wake", () => measureWake(Number(values.wakes))),
    burst: await measured("burst", () => measureBurst(Number(values["burst-seconds"]), Number(values.rate))),
    poison: await measured("poison", measurePoison),
    hostile: await measured("hostile", () => measureHostile(Number(values.seconds))),
  };
  console.log(
    formatTable(
      ["what", "unit", "figure"],
      functionsLiveLines(report).map((line) => lineCells(line).slice(0, 3)),
    ),
  );
  if (only === undefined) writeReport("functions-live", report, functionsLivePage(report));
}
