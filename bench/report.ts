import { median } from "./statistics.ts";
import type { IdleRun } from "./idle.ts";
import type { Machine } from "./machine.ts";
import type { MainJobOptions, MainJobRun } from "./main-job.ts";

/** Everything that one `npm run bench` has measured: what lies under docs/benchmarks/raw. */
export interface Report {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly load: MainJobOptions;
  readonly runs: readonly MainJobRun[];
  readonly idleSeconds: number;
  readonly idle: readonly IdleRun[];
}

export interface Line {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** The table of the page and of the terminal: the median of the runs, then each run. */
export function reportLines(report: Report): Line[] {
  const { runs } = report;
  const of = (what: string, unit: string, value: (run: MainJobRun) => number): Line => ({
    what,
    unit,
    values: runs.map(value),
  });
  const idle = (what: string, unit: string, clickhouse: boolean, value: (run: IdleRun) => number): Line => ({
    what,
    unit,
    values: report.idle.filter((run) => run.clickhouse === clickhouse).map(value),
  });
  return [
    of("publish to ClickHouse row", "msg/s per CPU-second", (r) => r.storedPerCpuSecond),
    of("publish to ClickHouse row", "msg/s", (r) => r.storedPerSecond),
    of("publish to PUBACK", "msg/s", (r) => r.acknowledgedPerSecond),
    of("PUBACK at full load, p50", "ms", (r) => r.acknowledgementAtFullLoad.p50),
    of("PUBACK at full load, p99", "ms", (r) => r.acknowledgementAtFullLoad.p99),
    of("half load", "msg/s", (r) => r.halfLoadPerSecond),
    of("PUBACK at half load, p50", "ms", (r) => r.acknowledgementAtHalfLoad.p50),
    of("PUBACK at half load, p99", "ms", (r) => r.acknowledgementAtHalfLoad.p99),
    of("publish to browser at half load, p50", "ms", (r) => r.browserAtHalfLoad.p50),
    of("publish to browser at half load, p99", "ms", (r) => r.browserAtHalfLoad.p99),
    of("the disk: 4 KiB and fdatasync, p50", "ms", (r) => r.sync.p50),
    of("the disk: 4 KiB and fdatasync, p99", "ms", (r) => r.sync.p99),
    of("taken by others at full load", "cores", (r) => r.coresOfOthersAtFullLoad),
    of("taken by others at half load", "cores", (r) => r.coresOfOthersAtHalfLoad),
    idle("start, fresh directory", "ms", true, (r) => r.startMs),
    idle("start, fresh directory, without ClickHouse", "ms", false, (r) => r.startMs),
    idle("idle memory (PSS of the tree)", "MB", true, (r) => r.pssMegabytes),
    idle("idle memory, without ClickHouse", "MB", false, (r) => r.pssMegabytes),
    idle("idle CPU", "% of a core", true, (r) => r.cpuPercent),
    idle("idle CPU, without ClickHouse", "% of a core", false, (r) => r.cpuPercent),
  ].filter(({ values }) => values.length > 0);
}

export function lineCells({ what, unit, values }: Line): string[] {
  return [what, unit, figure(median(values)), values.map(figure).join(", ")];
}

/** Three significant digits are more than a shared machine can give. */
function figure(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString("en", { maximumFractionDigits: 3 });
}
