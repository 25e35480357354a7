import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runEdgeLoad } from "../test/forward-cuts/edge-load.ts";
import { untilInterrupted } from "../test/support/until-interrupted.ts";
import { forwardFigure } from "../test/forward-cuts/forward-progress.ts";
import { startPair, type ForwardPair } from "../test/forward-cuts/forward-pair.ts";

/** What docs/edge.md recommends for machines with little memory. */
const NODE_FLAGS = ["--max-semi-space-size=1", "--optimize-for-size"];
const ENVIRONMENT = { MALLOC_ARENA_MAX: "2" };
const DEVICES = 100;
const PACE_MS = 1000;

/**
 * `npm run bench -- edge-memory`: what an installation at the edge takes of memory, without tables, forwarding to another one for 100 devices that
 * send once a second; then while the link is away. `--plain`: without the flags that docs/edge.md recommends.
 */
export async function benchEdgeMemory(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { plain: { type: "boolean", default: false }, seconds: { type: "string", default: "60" } },
  });
  const flags = values.plain ? {} : { edgeNodeFlags: NODE_FLAGS, edgeEnvironment: ENVIRONMENT };
  const pair = await startPair({ ...flags, signal: untilInterrupted() });
  const ending = new AbortController();
  try {
    const begun = Date.now();
    const say = (when: string) =>
      console.log(`${when} ${Math.round((Date.now() - begun) / 1000)} s: ${memoryOf(pair)}`);
    await delay(5000);
    say("idle");
    const { edge, boxToken } = pair;
    const load = { ...edge, boxToken, devices: DEVICES, messagesPerDevice: Number.POSITIVE_INFINITY, paceMs: PACE_MS };
    const loaded = runEdgeLoad({ ...load, signal: ending.signal });
    for (let round = 0; round < 3; round += 1) {
      await delay((Number(values.seconds) * 1000) / 3);
      say("under load");
    }
    pair.link.cut("refused");
    await delay((Number(values.seconds) * 1000) / 3);
    say("without a link");
    ending.abort();
    const sent = [...(await loaded).values()].reduce((sum, count) => sum + count, 0);
    const bytes = await forwardFigure(edge, "millrace_log_bytes");
    console.log(`${sent} messages, ${bytes} bytes of log: ${Math.round(bytes / sent)} for each`);
  } finally {
    ending.abort();
    await pair.dispose();
  }
}

/** From /proc: what is the process's own, and what the kernel has of files for it and may take back. */
function memoryOf({ edge }: ForwardPair): string {
  const status = readFileSync(`/proc/${edge.instance?.pid}/status`, "utf8");
  const megabytes = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1000);
  return `${megabytes("VmRSS")} MB resident: ${megabytes("RssAnon")} MB its own, ${megabytes("RssFile")} MB of files`;
}
