import { fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { formatTable } from "../app/commands/output.ts";
import { temporaryDirectory } from "../test/support/instance.ts";
import { commandLine, describeMachine } from "./machine.ts";
import { tablesLines, tablesPage, type TablesCase, type TablesReport } from "./tables-page.ts";
import { writeReport } from "./write-report.ts";
import type { TablesLoad, TablesRun } from "./tables-sink.ts";
import type { TablesServerReady } from "./tables-server.ts";

/** `npm run bench:tables`: measures the sink of ClickHouse alone and writes docs/benchmarks/tables.md. Linux only. */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    devices: { type: "string", default: "1000" },
    rounds: { type: "string", default: "500" },
    "live-seconds": { type: "string", default: "60" },
    "dry-run": { type: "boolean", default: false },
  },
});
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** One run in processes of its own, on fresh directories. */
async function measure(load: Omit<TablesLoad, "directory" | "server">, place: TablesCase["place"]): Promise<TablesRun> {
  const directory = temporaryDirectory();
  const host = place === "server" ? fork(program("./tables-server.ts")) : null;
  let server: TablesServerReady | null = null;
  if (host !== null) {
    host.send(`${directory.path}/server`);
    [server] = (await once(host, "message")) as [TablesServerReady];
  }
  const child = fork(program("./tables-sink.ts"));
  child.send({ ...load, server, directory: directory.path } satisfies TablesLoad);
  const [run] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => Promise.reject(new Error("the sink ended before it had a result"))),
  ])) as [TablesRun];
  if (child.exitCode === null) await once(child, "exit");
  if (host !== null) {
    host.send("stop");
    await once(host, "exit");
  }
  directory.dispose();
  return run;
}

const machine = describeMachine();
const [devices, rounds, liveSeconds] = [values.devices, values.rounds, values["live-seconds"]].map(Number) as [
  number,
  number,
  number,
];
const cases: TablesCase[] = [];
for (const live of liveSeconds > 0 ? [false, true] : [false]) {
  for (const place of live ? (["server"] as const) : (["server", "embedded"] as const)) {
    for (const rollups of [true, false]) {
      const load = { devices, rollups, live, rounds: live ? liveSeconds : rounds, warmUpRounds: live ? 300 : 120 };
      const runs: TablesRun[] = [];
      for (let run = 0; run < Number(values.runs); run += 1) runs.push(await measure(load, place));
      cases.push({ place, live, rollups, runs });
      console.error(`${place} live=${live} rollups=${rollups}: ${JSON.stringify(runs)}`);
    }
  }
}
const report: TablesReport = { ...commandLine("npm run bench:tables"), machine, devices, rounds, liveSeconds, cases };
console.log(formatTable(["what", "unit", "median", "runs"], tablesLines(report)));
if (!values["dry-run"]) writeReport("tables", report, tablesPage(report));
