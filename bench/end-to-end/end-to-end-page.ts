import { LOAD_SHAPES, SHAPE_NAMES, type ShapeName } from "../ingest/load-shapes.ts";
import { PAYLOAD_BYTES } from "../ingest/publish-batches.ts";
import { machineRows, type Machine } from "../machine.ts";
import { lineCells, type Line } from "../report.ts";
import type { EndToEndRun, EndToEndTiming } from "./measure-end-to-end.ts";

/** Every shape once. */
export type EndToEndRound = Partial<Record<ShapeName, EndToEndRun>>;

export interface EndToEndReport {
  readonly date: string;
  /** What a reader must know of this run; empty when nothing. */
  readonly note: string;
  readonly command: string;
  readonly machine: Machine;
  readonly timings: Readonly<Record<ShapeName, EndToEndTiming>>;
  readonly rounds: readonly EndToEndRound[];
}

/** Threads with less of the CPU than this have no line. */
const SHARE_SHOWN = 0.01;

export function shapeLines({ rounds }: EndToEndReport, shape: ShapeName): Line[] {
  const runs = rounds.flatMap((round) => round[shape] ?? []);
  const of = (what: string, unit: string, value: (run: EndToEndRun) => number): Line => ({
    what,
    unit,
    values: runs.map(value),
  });
  const threads = [...new Set(runs.flatMap(({ cpuSecondsByThread }) => Object.keys(cpuSecondsByThread)))];
  const micros = threads
    .map((thread) =>
      of(thread, "µs of CPU per message", (run) => (1e6 * (run.cpuSecondsByThread[thread] ?? 0)) / run.messages),
    )
    .filter(({ values }, index) => {
      const thread = threads[index] ?? "";
      return (
        values.length > 0 && runs.some((run) => (run.cpuSecondsByThread[thread] ?? 0) > SHARE_SHOWN * run.cpuSeconds)
      );
    });
  return [
    of("publish to ClickHouse row", "msg/s per CPU-second", (run) => run.messages / run.cpuSeconds),
    of("publish to ClickHouse row, by the clock", "msg/s", (run) => run.messages / run.seconds),
    of("publish to PUBACK, by the clock", "msg/s", (run) => run.acknowledgedPerSecond),
    of("messages", "messages", (run) => run.messages),
    of("rows of readings per insert", "rows", (run) => run.readingRows / run.readingInserts),
    ...micros,
    of("the disk: 4 KiB and fdatasync, p50", "ms", (run) => run.sync.p50),
    of("taken by others", "cores", (run) => run.coresOfOthers),
  ].filter(({ values }) => values.length > 0);
}

/** The page docs/benchmarks/end-to-end.md. */
export function endToEndPage(report: EndToEndReport): string {
  const { rounds, timings } = report;
  const warmUps = SHAPE_NAMES.map((shape) => timings[shape].warmUpSeconds).join(", ");
  const lengths = SHAPE_NAMES.map((shape) => timings[shape].seconds).join(", ");
  const shapes = SHAPE_NAMES.filter((shape) => rounds.some((round) => round[shape] !== undefined));
  const sections = shapes.map((shape) => {
    const { connections, window, batch } = LOAD_SHAPES[shape];
    const rows = shapeLines(report, shape).map((line) => `| ${lineCells(line).join(" | ")} |`);
    return `### ${shape}: ${connections} connections, ${window} unacknowledged each, ${batch} per write

| what | unit | median | runs |
| --- | --- | ---: | --- |
${rows.join("\n")}`;
  });
  return `# End to end: what a message costs from PUBLISH to its rows in ClickHouse

Written by \`npm run bench -- end-to-end\`. Every number with its runs: [raw/end-to-end.json](raw/end-to-end.json).

${machineRows(report)}

## Result

Medians of ${rounds.length} runs, then each run. The loads are those of [ingest.md](ingest.md).

${sections.join("\n\n")}

${auditText(report)}

## What is measured

- Every message is MQTT 3.1.1, QoS 1, on \`v1/devices/me/telemetry\`, with JSON of ${PAYLOAD_BYTES} bytes: an event time and exactly six metrics. No
  message repeats another, and those of a device have event times of their own, at least 1 ms apart. Each shape has a fresh instance: full load, worked to its end (${warmUps} s: pipelined, mid, single); then full load (${lengths} s) that is
  measured, from the first CONNECT until every message is processed, every row stored and every other consumer has caught up.
- **CPU-seconds** are user and system time of all processes and threads of the instance, from /proc, in that time: the gateway, the stage, the services, the
  sink, and the child process with ClickHouse, its background merges included as far as they fall into it. The generator is a process of its own whose CPU is not counted.
- Nothing is pinned: the generator takes cores away from the instance, so by the clock it is slower than it could be.
- **Taken by others** is what processes that belong neither to the instance nor to the generator used of the machine's cores: the benchmark's own looks and whoever else was at
  work. Caches and cores that are shared make CPU-seconds longer too: the more was taken, the less the figures say.
- **Switched off: nothing.** The instance is \`millrace start\` as it is, with the log embedded and ClickHouse through chdb; the log level is \`warn\`. No setting differs from its default: an insert takes
  up to 200,000 rows of all tables (\`insertRowsMax\`), and less only where fewer come within a second (\`insertLingerMs\`).
`;
}

function auditText({ rounds }: EndToEndReport): string {
  const runs = rounds.flatMap((round) => Object.values(round));
  const isRight = runs.every(({ balanced, rowsPerMessage }) => balanced && rowsPerMessage === 6);
  if (isRight) return "In every run `millrace audit` balanced and ClickHouse held exactly six rows for each message.";
  return `**NOT every run balanced with six rows for each message**: ${JSON.stringify(runs.map(({ balanced, rowsPerMessage }) => [balanced, rowsPerMessage]))}`;
}
