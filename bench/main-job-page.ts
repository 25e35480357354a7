import { machineRows } from "./machine.ts";
import { lineCells, reportLines } from "./report.ts";
import type { Report } from "./report.ts";

/** The page docs/benchmarks/main-job.md. */
export function mainJobPage(report: Report): string {
  const { load, runs, idleSeconds } = report;
  const rows = reportLines(report).map((line) => `| ${lineCells(line).join(" | ")} |`);
  return `# The main job: from a device's PUBLISH to a row in ClickHouse

Written by \`npm run bench\`. Every number with its runs: [raw/main-job.json](raw/main-job.json).

${machineRows(report)}

## Result

Medians of ${runs.length} runs, then each run.

| what | unit | median | runs |
| --- | --- | ---: | --- |
${rows.join("\n")}

In every run \`millrace audit\` balanced and ClickHouse held ${rowsText(report)} for each message.

## What is measured

- ${load.devices} devices with a connection each publish QoS 1 with up to ${load.window} messages under way, for ${load.seconds} s after a warm-up of
  ${load.warmUpSeconds} s, over loopback. A message is JSON of about 150 bytes with an event time and exactly six metrics. The generator is
  a process of its own on the same machine: it takes CPU from the system, but its CPU is not counted.
- The instance is \`millrace start\` as it is: synced group commits, cleaning, duplicate detection, one-minute aggregates, alarm rules
  (none are set), ledger, dashboard hub, ClickHouse with \`fsync_after_insert\`. Nothing is switched off; the log level is \`warn\`.
- **CPU-seconds** are those of the whole process tree (user and system, from /proc), the ClickHouse child included, from the first PUBLISH
  until every message is processed, every row stored and every other consumer has caught up.
- **PUBACK at full load** is counted from the write of a message whose window had room, so it is the window's length divided by the
  throughput and little else. **At half load** messages are due at fixed times, and it is counted from then, so that a stall counts for
  all who waited for it.
- **Publish to browser** is from the making of a message to its arrival, parsed, at a WebSocket client that has the page of its device open.
  The hub sends to the page of one device at most every 10 ms.
- **Taken by others** is what processes that belong neither to the system nor to the benchmark used of the machine's cores meanwhile.
  Where it is much, throughput and latencies say more about the machine than about the system; the rate per CPU-second hardly moves.
- **Idle**: a fresh instance, left alone for ${idleSeconds} s; proportional set size of the tree, the log's memory map left out.

## Peers

None yet: no other system has been measured on this machine beside it. The disk's own speed stands in the table as the one thing to
compare with: at most one commit per fdatasync.
`;
}

function rowsText({ runs }: Report): string {
  const rows = new Set(runs.map((run) => (run.balanced ? run.rowsPerMessage : Number.NaN)));
  return rows.size === 1 && rows.has(6) ? "exactly six rows" : `NOT six rows (${[...rows].join(", ")})`;
}
