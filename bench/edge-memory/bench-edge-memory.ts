import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runEdgeLoad } from "../../test/forward-cuts/edge-load.ts";
import { startPair, type ForwardPair, type Side } from "../../test/forward-cuts/forward-pair.ts";
import { untilInterrupted } from "../../test/support/until-interrupted.ts";
import { writeReport } from "../write-report.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { runBurst, type Burst } from "./edge-burst.ts";
import { edgeMemoryPage, type EdgeReport } from "./edge-memory-page.ts";
import { EdgeSampler, pidOf, SAMPLE_HEADINGS, sampleCells } from "./edge-samples.ts";
import { memoryShares } from "./memory-shares.ts";
import { reportFlags, threadHeaps } from "./thread-heaps.ts";

const DEVICES = 100;
const PACE_MS = 1000;
const IDLE_SECONDS = 10;
const BURST = { devices: 300, metrics: 6, messagesPerSecond: 2000, seconds: 20 };

/**
 * `npm run bench -- edge-memory --minutes 20`: what an installation at the edge takes of memory, without tables, forwarding to another one for 100
 * devices that send once a second; then under a burst, and while the link is away. `--plain`: as an installation takes it that is not told to take little.
 */
export async function benchEdgeMemory(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      plain: { type: "boolean", default: false },
      minutes: { type: "string", default: "3" },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const measured = { ...commandLine("npm run bench"), note: values.note, machine: describeMachine() };
  const reports = mkdtempSync(join(tmpdir(), "edge-memory-"));
  const edgeEnvironment = values.plain ? {} : { MILLRACE_FOOTPRINT: "small" };
  const pair = await startPair({ edgeEnvironment, edgeNodeFlags: reportFlags(reports), signal: untilInterrupted() });
  try {
    const run = await measure(pair, Number(values.minutes));
    const report = { ...measured, ...run, shares: await endShares(pair, reports) };
    console.log(JSON.stringify(report.burst), report.shares.join("; "));
    if (!values["dry-run"] && !values.plain) writeReport("edge-memory", report, edgeMemoryPage(report));
  } finally {
    await pair.dispose();
    rmSync(reports, { recursive: true, force: true });
  }
}

async function measure(pair: ForwardPair, minutes: number): Promise<Pick<EdgeReport, "samples" | "burst">> {
  const { edge, boxToken } = pair;
  const sampler = new EdgeSampler(edge);
  const say = async (phase: string, seconds: number): Promise<void> => {
    console.log(sampleCells(await sampler.sample(phase, seconds)).join("\t"));
  };
  const ending = new AbortController();
  console.log(SAMPLE_HEADINGS.join("\t"));
  await say("idle", IDLE_SECONDS);
  const load = { ...edge, boxToken, devices: DEVICES, messagesPerDevice: Number.POSITIVE_INFINITY, paceMs: PACE_MS };
  sampler.beginLoad();
  const loaded = runEdgeLoad({
    ...load,
    signal: ending.signal,
    onAcknowledged: (way, ms) => sampler.noteAcknowledged(way, ms),
  });
  try {
    for (let minute = 0; minute < minutes; minute += 1) await say("load", 60);
    const taken = await burst(edge, say);
    await say("load", 60);
    pair.link.cut("refused");
    await say("no link", 60);
    return { samples: sampler.samples, burst: taken };
  } finally {
    ending.abort();
    await loaded;
  }
}

/** Beside the load, with as many looks as it takes. */
async function burst(edge: Side, say: (phase: string, seconds: number) => Promise<void>): Promise<Burst> {
  const running = runBurst(edge, BURST);
  const done = running.then(() => true);
  await say("burst", BURST.seconds);
  while (!(await Promise.race([done, delay(0, false)]))) await say("burst", 5);
  return running;
}

/** What the memory at the end is for, by kind and by thread. */
async function endShares({ edge }: ForwardPair, reports: string): Promise<readonly string[]> {
  const pid = pidOf(edge);
  const shares = [...memoryShares(pid)].sort(([, one], [, other]) => other - one);
  const kinds = shares.map(([kind, megabytes]) => `${kind}: ${Math.round(megabytes)} MB`);
  return [...kinds, ...(await threadHeaps(pid, reports))];
}
