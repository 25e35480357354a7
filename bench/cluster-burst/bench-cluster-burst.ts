import { parseArgs } from "node:util";
import { z } from "zod";
import { formatTable } from "../../app/commands/output.ts";
import { noCluster } from "../../test/support/cluster.ts";
import { untilInterrupted } from "../../test/support/until-interrupted.ts";
import { measureWake } from "../functions-live/measure-wake.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { lineCells } from "../report.ts";
import { writeReport } from "../write-report.ts";
import { clusterBurstLines, clusterBurstPage, type ClusterBurstReport } from "./cluster-burst-page.ts";
import { measureClusterBurst } from "./measure-cluster-burst.ts";

/** A local cluster under twenty times its load, scaled by what the scaler answers, left alone, and woken. `--short`: to see that it works; `--wakes-only`: the wakes without burst and rest, two minutes; nothing is written of either. */
export async function benchClusterBurst(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: "boolean", default: false },
      "wakes-only": { type: "boolean", default: false },
      brokers: { type: "string", default: "1" },
      devices: { type: "string", default: "40" },
      rate: { type: "string", default: "50" },
      "burst-seconds": { type: "string", default: "120" },
      "max-replicas": { type: "string", default: "4" },
      wakes: { type: "string", default: "5" },
      "thread-wakes": { type: "string", default: "20" },
      note: { type: "string", default: "" },
    },
  });
  if (noCluster !== null) throw new Error(`cluster-burst needs ${noCluster}`);
  const count = z.coerce.number().int().nonnegative();
  const { short, "wakes-only": wakesOnly } = values;
  const machine = describeMachine();
  const begun = performance.now();
  const say = (text: string): void => console.error(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${text}`);
  const run = await measureClusterBurst({
    brokers: values.brokers === "3" ? 3 : 1,
    devices: count.parse(values.devices),
    rate: count.parse(values.rate),
    factor: 20,
    restSeconds: short ? 10 : 30,
    burstSeconds: short ? 15 : count.parse(values["burst-seconds"]),
    maxReplicas: count.parse(values["max-replicas"]),
    cooldownSeconds: 15,
    wakes: short ? 1 : count.parse(values.wakes),
    wakesOnly,
    say,
    signal: untilInterrupted(),
  });
  if (!wakesOnly) say("waking threads of a whole instance");
  const threads = wakesOnly ? null : await measureWake(short ? 2 : count.parse(values["thread-wakes"]));
  const report: ClusterBurstReport = {
    ...commandLine("npm run bench"),
    note: values.note,
    machine,
    brokers: values.brokers,
    run,
    threads: threads?.asleep ?? [],
  };
  console.log(
    formatTable(
      ["what", "unit", "figure"],
      clusterBurstLines(report).map((line) => lineCells(line).slice(0, 3)),
    ),
  );
  console.log(JSON.stringify(run.burst?.steps ?? []));
  if (!short && !wakesOnly) writeReport("cluster-burst", report, clusterBurstPage(report));
}
