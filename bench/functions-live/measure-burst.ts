import { setTimeout as delay } from "node:timers/promises";
import { runLoad } from "../run-load.ts";
import { busyFor } from "./live-functions.ts";
import { withLiveInstance, type LiveInstance } from "./live-instance.ts";
import type { PartitionView } from "../../core/partition-view.ts";

export interface BurstRun {
  readonly ratePerSecond: number;
  readonly burstPerSecond: number;
  /** Every half second since the burst began: how old what is not worked yet is, ms, and how many threads there are. */
  readonly looks: readonly BurstLook[];
  /** From the burst's begin until lag is under 5 s for good, ms; null when it was never above. */
  readonly recoveredMs: number | null;
  readonly lagMsMax: number;
  /** Times that the number of threads was changed in the burst. */
  readonly scaleActions: number;
}

export interface BurstLook {
  readonly atMs: number;
  readonly lagMs: number;
  readonly threads: number;
}

const LOOK_MS = 500;
const LAG_MS = 5000;
const QUIET_SECONDS = 20;
const TIMES = 20;
const DEVICES = 64;
/** CPU of the function for one reading: one thread is able of about two thirds of the burst. */
const BUSY_MS = 0.5;

/** A load that becomes twenty times as much for a while, with `--autoscale on`. */
export async function measureBurst(seconds: number, ratePerSecond: number): Promise<BurstRun> {
  const environment = { MILLRACE_FUNCTION_THREADS: "2" };
  const flags = ["--autoscale", "on"];
  return withLiveInstance({ functions: busyFor(BUSY_MS), devices: 0, flags, environment }, async (live) => {
    const port = Number(new URL(live.instance.ready.mqtt).port);
    const devices = await live.client.addDevices(DEVICES);
    const burstPerSecond = ratePerSecond * TIMES;
    await runLoad({ port, devices, window: 100, seconds: QUIET_SECONDS, rate: ratePerSecond });
    const stopped = new AbortController();
    const looking = lookUntil(live, stopped.signal);
    await runLoad({ port, devices, window: 1000, seconds, rate: burstPerSecond });
    stopped.abort();
    const looks = await looking;
    return { ratePerSecond, burstPerSecond, looks, ...summaryOf(looks) };
  });
}

function summaryOf(looks: readonly BurstLook[]): Pick<BurstRun, "recoveredMs" | "lagMsMax" | "scaleActions"> {
  const late = looks.findLastIndex(({ lagMs }) => lagMs >= LAG_MS);
  const recovered = late < 0 ? null : (looks[late + 1]?.atMs ?? Infinity);
  return {
    recoveredMs: recovered,
    lagMsMax: Math.max(...looks.map(({ lagMs }) => lagMs)),
    scaleActions: looks.filter(({ threads }, at) => at > 0 && threads !== looks[at - 1]?.threads).length,
  };
}

/** Lag as time: since when the partition that is furthest behind has had more than what is worked of it. */
async function lookUntil({ instance, client }: LiveInstance, signal: AbortSignal): Promise<BurstLook[]> {
  const begun = performance.now();
  const looks: BurstLook[] = [];
  /** By partition, when its end was where, oldest first. */
  const ends = new Map<number, { at: number; end: number }[]>();
  while (!signal.aborted) {
    const response = await fetch(`${instance.httpUrl}/api/v1/partitions`, { headers: client.headers });
    const at = performance.now();
    const { consumers } = (await response.json()) as PartitionView;
    const own = consumers.find(({ name }) => name === "stage:functions")?.partitions ?? [];
    const lags = own.map(({ partition, position, endOffset }) => {
      const known = [...(ends.get(partition) ?? []), { at, end: endOffset }].filter(({ end }) => end > position);
      ends.set(partition, known);
      return at - (known[0]?.at ?? at);
    });
    const threads = await client.counter("millrace_autoscaler_replicas", 'stage="functions"');
    looks.push({ atMs: at - begun, lagMs: Math.max(0, ...lags), threads });
    await delay(LOOK_MS);
  }
  return looks;
}
