import { median } from "../statistics.ts";
import { machineRows, type Machine } from "../machine.ts";
import type { Figures, Measured } from "./one-run.ts";

export interface KafkaReport {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly messages: number;
  readonly runs: Readonly<Record<Measured, readonly Figures[]>>;
}

const NAMES: Readonly<Record<Measured, string>> = {
  embedded: "embedded",
  platformatic: "Kafka, @platformatic/kafka's connections",
  kafkajs: "Kafka, kafkajs' connections",
  "platformatic-peer": "peer: @platformatic/kafka's own send",
  "kafkajs-peer": "peer: kafkajs' own send",
};
const STAGE = "stage main: consume, clean + aggregate + alarm, outputs, journal";
const KAFKA_ROW = "| Kafka | one broker (KRaft) on the same machine, replication 1, its CPU not counted |";
const LATENCY = "append of one message, p99";

/** The page docs/benchmarks/kafka.md. */
export function kafkaPage(report: KafkaReport): string {
  const { messages, runs } = report;
  const parts = Object.entries(runs) as [Measured, readonly Figures[]][];
  const rows = parts.flatMap(([part, figures]) =>
    Object.entries(figures[0] ?? {}).map(([name, { unit }]) => {
      const all = figures.map((run) => run[name]?.value ?? Number.NaN);
      return `| ${NAMES[part]} | ${name} | ${unit} | ${rounded(median(all))} | ${all.map(rounded).join(", ")} |`;
    }),
  );
  const of = (part: Measured, name: string): number => median(runs[part].map((run) => run[name]?.value ?? Number.NaN));
  const share = (of("platformatic", STAGE) / of("embedded", STAGE)) * 100;
  return `# The log on Kafka: produce, fetch, the stage, waiting

Written by \`npm run bench:kafka\`. Every number with its runs: [raw/kafka.json](raw/kafka.json).

${machineRows(report, [KAFKA_ROW])}

## Result

Medians, then each run. CPU-seconds are those of the measuring process (user and system), which for the embedded log includes its
writer. ${messages} messages for produce and fetch, a quarter for the stage and the peers, in batches of 1,000 over 8 partitions.

| log | what | unit | median | runs |
| --- | --- | --- | ---: | --- |
${rows.join("\n")}

The stage on Kafka does ${rounded(share)} % of what it does on the embedded log, per CPU-second. An append of one message without other
load takes ${rounded(of("platformatic", LATENCY) - of("embedded", LATENCY))} ms longer at the 99th percentile.

## What was switched off

Nothing of ours. The broker has its defaults: it acknowledges from the page cache, and with one broker there is no replication, so latencies
of a real cluster are those of its network and replicas. The peers send values and keys without headers.
`;
}

function rounded(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
