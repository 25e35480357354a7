import { machineRows, type Machine } from "../machine.ts";
import type { Burst } from "./edge-burst.ts";
import { SAMPLE_HEADINGS, sampleCells, type EdgeSample } from "./edge-samples.ts";

export interface EdgeReport {
  readonly date: string;
  readonly command: string;
  readonly note: string;
  readonly machine: Machine;
  readonly samples: readonly EdgeSample[];
  readonly burst: Burst;
  readonly shares: readonly string[];
}

/** docs/benchmarks/edge-memory.md. */
export function edgeMemoryPage(report: EdgeReport): string {
  const { samples, burst, shares } = report;
  const most = Math.max(...samples.map((sample) => sample.most.resident));
  const settled = samples.filter(({ phase }) => phase === "load").map((sample) => sample.most.resident);
  return `# What an installation at the edge takes of memory

Written by \`npm run bench -- edge-memory\`. Every number with its runs: [raw/edge-memory.json](raw/edge-memory.json).

${machineRows(report)}

The most that was resident at any look, once a second: ${Math.round(most)} MB in all, ${Math.round(Math.max(...settled))} MB under the steady load.

| ${SAMPLE_HEADINGS.join(" | ")} |
| --- | ${SAMPLE_HEADINGS.slice(1)
    .map(() => "---:")
    .join(" | ")} |
${samples.map((sample) => `| ${sampleCells(sample).join(" | ")} |`).join("\n")}

MB are 1,000 kB of /proc/PID/status, at the end of each stretch of time; "the most" is the highest of the looks in it; milliseconds. \`--footprint small --no-clickhouse\`, 32 partitions,
no cgroup. The load: 100 devices that send one value once a second and wait for the answer, 90 of them over HTTP (80 with an Idempotency-Key), 10 by MQTT with QoS 1, all forwarded to another installation on the same machine.
The burst, beside it: 2,000 messages a second of six values each from 300 devices for 20 seconds, by MQTT, while a dashboard is open and somebody asks for pages; what is not taken in time waits at the
sender: all ${burst.messages} were acknowledged after ${burst.seconds.toFixed(1)} seconds. "No link": the upstream refuses connections. The sender, the other installation and what else ran had the same cores.

What it was for in the end:

${shares.map((line) => `- ${line}`).join("\n")}
`;
}
