import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runEdgeLoad } from "../test/forward-cuts/edge-load.ts";
import { untilInterrupted } from "../test/support/until-interrupted.ts";
import { forwardFigure } from "../test/forward-cuts/forward-progress.ts";
import { startPair, type ForwardPair } from "../test/forward-cuts/forward-pair.ts";
import { memoryShares, processMemory } from "./memory-shares.ts";
import { reportFlags, threadHeaps } from "./thread-heaps.ts";

const DEVICES = 100;
const PACE_MS = 1000;

/**
 * `npm run bench -- edge-memory`: what an installation at the edge takes of memory, without tables, forwarding to another one for 100 devices that
 * send once a second; then while the link is away. `--plain`: as an installation takes it that is not told to take little.
 */
export async function benchEdgeMemory(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { plain: { type: "boolean", default: false }, seconds: { type: "string", default: "60" } },
  });
  const reports = mkdtempSync(join(tmpdir(), "edge-memory-"));
  const edgeEnvironment = values.plain ? {} : { MILLRACE_FOOTPRINT: "small" };
  const pair = await startPair({ edgeEnvironment, edgeNodeFlags: reportFlags(reports), signal: untilInterrupted() });
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
    for (const line of await endShares(pair, reports)) console.log(line);
    const bytes = await forwardFigure(edge, "millrace_log_bytes");
    console.log(`${sent} messages, ${bytes} bytes of log: ${Math.round(bytes / sent)} for each`);
  } finally {
    ending.abort();
    await pair.dispose();
    rmSync(reports, { recursive: true, force: true });
  }
}

/** What the memory at the end is for, by kind and by thread. */
async function endShares({ edge }: ForwardPair, reports: string): Promise<readonly string[]> {
  const pid = pidOf(edge);
  const shares = [...memoryShares(pid)].sort(([, one], [, other]) => other - one);
  const kinds = shares.map(([kind, megabytes]) => `${kind}: ${Math.round(megabytes)} MB`);
  return [...kinds, ...(await threadHeaps(pid, reports))];
}

/** What is the process's own, and what the kernel has of files for it and may take back. */
function memoryOf({ edge }: ForwardPair): string {
  const { resident, anonymous, files } = processMemory(pidOf(edge));
  return `${Math.round(resident)} MB resident: ${Math.round(anonymous)} MB its own, ${Math.round(files)} MB of files`;
}

function pidOf(edge: ForwardPair["edge"]): number {
  if (edge.instance === null) throw new Error("the edge has ended");
  return edge.instance.pid;
}
