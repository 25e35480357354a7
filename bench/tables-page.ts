import { lineCells } from "./report.ts";
import { machineRows, type Machine } from "./machine.ts";
import type { TablesRun } from "./tables-sink.ts";

/** The same load several times. */
export interface TablesCase {
  readonly place: "server" | "embedded";
  readonly live: boolean;
  readonly rollups: boolean;
  readonly runs: readonly TablesRun[];
}

export interface TablesReport {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly devices: number;
  readonly rounds: number;
  readonly liveSeconds: number;
  readonly cases: readonly TablesCase[];
}

const MICRO = 1e6;

export function tablesLines({ cases }: TablesReport): string[][] {
  return cases.flatMap(({ place, live, rollups, runs }) => {
    const name = `${live ? "live" : "catching up"}, ${place}${rollups ? "" : ", no roll-ups computed"}`;
    const line = (what: string, unit: string, value: (run: TablesRun) => number): string[] =>
      lineCells({ what: `${name}: ${what}`, unit, values: runs.map(value) });
    return [
      line("sink process", "rows per CPU-second", (run) => run.rows / run.sinkCpuSeconds),
      line("ClickHouse", "rows per CPU-second", (run) => run.rows / run.clickhouseCpuSeconds),
      line("ClickHouse", "µs of CPU per row", (run) => (MICRO * run.clickhouseCpuSeconds) / run.rows),
      ...(live ? [] : [line("through", "rows/s", (run) => run.rows / run.seconds)]),
    ];
  });
}

/** The page docs/benchmarks/tables.md. */
export function tablesPage(report: TablesReport): string {
  const { devices, rounds, liveSeconds, cases } = report;
  const rows = tablesLines(report).map((line) => `| ${line.join(" | ")} |`);
  const storedOnce = cases.every(({ runs }) => runs.every((run) => run.storedOnce));
  return `# The tables: from the log to ClickHouse, and what roll-ups cost

Written by \`npm run bench:tables\`. Every number with its runs: [raw/tables.json](raw/tables.json).

${machineRows(report)}

## Result

Medians of ${cases[0]?.runs.length ?? 0} runs, then each run. A row is one metric of one reading.

| what | unit | median | runs |
| --- | --- | ---: | --- |
${rows.join("\n")}

${storedOnce ? "In every run each row was there exactly once." : "NOT every row was there exactly once."}

## What is measured

- ${devices} devices whose messages have six numbers each, a second of event time apart. **Catching up**: ${rounds} messages of each lie in
  the log when the clock starts, after a warm-up of 120. **Live**: a message of each device every second for ${liveSeconds} s, after a
  warm-up of 300 that is in the tables already.
- The sink runs alone in a process of its own: reading the embedded log (LMDB), parsing JSON, making rows, and for the server
  compressing (zstd, level 1) and sending over loopback. Its CPU-seconds (user and system, all threads) count until every row is settled in its
  journal, or live over the whole time, its polling of an empty log and the appends of the load included.
- The server is chdb (ClickHouse in process) behind an HTTP front that stands for the network: see test/support/clickhouse-server.ts. The
  front decompresses and passes on; its CPU is in no number. ClickHouse's CPU is that of the chdb process, with inserts that sync
  (\`fsync_after_insert\`), deduplication, the merges of that time and, with roll-ups, until no bucket is dirty any more.
- **No roll-ups computed**: the marks are still inserted, nobody computes them. Nothing else is switched off. Broker, stage, API and
  dashboard do not run here; the whole system is measured by [the main job](main-job.md).

## Peers

None: no other sink has been measured on this machine, and no ClickHouse server can be installed on it.
`;
}
