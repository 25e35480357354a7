import { machineRows, type Machine } from "../machine.ts";
import { lineCells, type Line } from "../report.ts";
import type { BurstRun, ClusterBurstRun } from "./measure-cluster-burst.ts";
import type { Wake } from "./measure-wakes.ts";

export interface ClusterBurstReport {
  readonly date: string;
  readonly command: string;
  /** What a reader must know of this run; empty when nothing. */
  readonly note: string;
  readonly machine: Machine;
  readonly brokers: string;
  readonly run: ClusterBurstRun;
  /** From PUBLISH to the result of a users' function whose stage had no thread, in an open page, ms. */
  readonly threads: readonly number[];
}

export function clusterBurstLines({ run, threads }: ClusterBurstReport): Line[] {
  const of = (what: string, unit: string, ...values: readonly number[]): Line => ({ what, unit, values });
  const { burst, standbys, starts } = run;
  const wakes = (what: string, value: (one: Wake) => number): Line => of(what, "ms", ...starts.map(value));
  return [
    of("messages sent", "", run.sent),
    of("messages without a reading", "", run.sent - run.readings),
    of("readings that came twice, which readers drop", "", run.repeated),
    ...(burst === null ? [] : burstLines(burst)),
    of(
      "a process that stood by begins with the message: reading in the log",
      "ms",
      ...standbys.map(({ outputMs }) => outputMs),
    ),
    of("memory of a process that stands by (resident)", "MB", ...standbys.map((one) => one.standbyMegabytes)),
    wakes("a process that is started with the message: reading in the log", ({ outputMs }) => outputMs),
    wakes("of which until the first line of Millrace runs", ({ nodeMs }) => nodeMs),
    wakes("of which from there until it is ready", ({ startMs }) => startMs),
    wakes("of which from ready until the reading", ({ firstOutputMs }) => firstOutputMs),
    of("threads of a whole instance, from zero: PUBLISH to an open page", "ms", ...threads),
  ].filter(({ values }) => values.length > 0);
}

function burstLines(burst: BurstRun): Line[] {
  const of = (what: string, unit: string, ...values: readonly number[]): Line => ({ what, unit, values });
  const { zeroSeconds, wake } = burst;
  return [
    of("burst", "msg/s", burst.burstPerSecond),
    of("the latest reading came after its message by", "ms", burst.longestDelayMs),
    of("until none was later than 5 s, from the burst's beginning", "s", burst.recoveredSeconds),
    of("the same, from its end", "s", burst.recoveredAfterEndSeconds),
    of("processors, at most", "", burst.replicasMost),
    of("from the last message until no processor worked", "s", ...(zeroSeconds === null ? [] : [zeroSeconds])),
    of("from zero: PUBLISH until the scaler's push", "ms", ...(wake?.pushedMs == null ? [] : [wake.pushedMs])),
    of(
      "from zero, a process stands by: PUBLISH until the reading is in the log",
      "ms",
      ...(wake === null ? [] : [wake.outputMs]),
    ),
  ];
}

export function clusterBurstPage(report: ClusterBurstReport): string {
  const rows = clusterBurstLines(report).map((line) => `| ${lineCells(line).join(" | ")} |`);
  const steps = (report.run.burst?.steps ?? [])
    .map(({ seconds, replicas }) => `${replicas} after ${seconds} s`)
    .join(", ");
  return `# A burst on a local cluster

Twenty times the load for a while, then none, then one message, on processes of one machine with a real Kafka and PostgreSQL. How many processors
there are is what Millrace's scaler answers over gRPC (\`--scaler-port\`). **KEDA and the HorizontalPodAutoscaler are played** by the benchmark: the first
process is started when the scaler pushes, the metric is followed every 15 s, a process goes by SIGTERM after a cooldown of 15 s (the chart's default is 300). There is
no scheduler, no image to pull and no other node: what a pod costs besides comes on top. Brokers, gateway, processors and devices share the machine's cores, so more processors bring less than they
would on nodes of their own. Nothing is stored in tables.

**While no processor runs, one process stands by** (\`millrace start --role processors --standby\`): everything is loaded and connected, and it works nothing and holds no partition until it is told to begin. "Zero" below means that no processor works; the
memory of the one that waits is in the table. It is there on this local cluster only: on Kubernetes a pod from zero is started from nothing ([autoscaling.md](../autoscaling.md#a-process-that-stands-by)). For comparison the same wakes are measured without it. The devices' type has windows of 10 s without lateness: a window that still waits for late data keeps a processor, an hour long by default.

${machineRows(report, [`| brokers | ${report.brokers} |`])}

| what | unit | figure (median) | each |
| --- | --- | --- | --- |
${rows.join("\n")}

Processors, counted from the burst's beginning: ${steps}.

A reading's delay is from the receive time of its message until a reader of \`readings\` has it. Raw numbers: [raw/cluster-burst.json](raw/cluster-burst.json).
`;
}
