import { setTimeout as delay } from "node:timers/promises";
import type { KeptStandby } from "../../deploy/cluster/kept-standby.ts";
import type { PlayedKeda } from "../../deploy/cluster/play-keda.ts";
import { treeMegabytes } from "../process-tree.ts";
import type { PacedDevices } from "./paced-devices.ts";
import type { ReadingDelays } from "./reading-delays.ts";
import { until } from "./until.ts";

/** Milliseconds, from PUBLISH on. */
export interface Wake {
  /** Until the scaler has pushed it; null where nobody waited for that. */
  readonly pushedMs: number | null;
  /** Of the start: until its first line of ours ran or it was told to begin, from there until it was ready. */
  readonly nodeMs: number;
  readonly startMs: number;
  /** From ready until the reading was in the log; below 0 when it was there before. */
  readonly firstOutputMs: number;
  /** Until the reading was in the log. */
  readonly outputMs: number;
  /** The process had been waiting for it. */
  readonly stoodBy: boolean;
}

/** And the resident memory of the process while it stood by, MB. */
export interface StandbyWake extends Wake {
  readonly standbyMegabytes: number;
}

export interface WakePlace {
  readonly devices: PacedDevices;
  readonly delays: ReadingDelays;
  readonly keda: PlayedKeda;
  readonly standby: KeptStandby;
}

const ANSWER_MS = 30_000;
/** What the process before has begun is done, and who waits waits. */
const QUIET_MS = 3000;

/** From none, with one that stands by. */
export async function measureStandbyWakes(place: WakePlace, count: number): Promise<StandbyWake[]> {
  const wakes: StandbyWake[] = [];
  for (let n = 0; n < count; n += 1) {
    await place.keda.scaleTo(0);
    const waiting = await place.standby.waiting();
    if (waiting === null) throw new Error("no process stands by");
    await delay(QUIET_MS);
    const standbyMegabytes = treeMegabytes(waiting.pid, "Rss", "/log.mdb");
    const wake = await measureWake(place, true);
    if (!wake.stoodBy) throw new Error("the process that stood by was not made use of");
    wakes.push({ ...wake, standbyMegabytes });
  }
  return wakes;
}

/** From none, with nobody who stands by. */
export async function measureColdWakes(place: WakePlace, count: number): Promise<Wake[]> {
  const wakes: Wake[] = [];
  for (let n = 0; n < count; n += 1) {
    await place.keda.scaleTo(0);
    await delay(QUIET_MS);
    wakes.push(await measureWake(place, true));
  }
  return wakes;
}

/** `atOnce`: a process is asked for with the message, without waiting for who says so. */
export async function measureWake({ devices, delays, keda }: WakePlace, atOnce: boolean): Promise<Wake> {
  const { readings } = delays;
  const pods = keda.pods.length;
  const begun = performance.now();
  devices.publishOne();
  if (atOnce) void keda.scaleTo(1);
  await until(() => delays.readings > readings && keda.pods.length > pods, ANSWER_MS);
  const pod = keda.pods[pods];
  if (pod === undefined || delays.readings === readings) throw new Error("nobody worked the message that was to wake");
  const pushedAt = atOnce ? null : keda.activeSince(begun);
  const lifeMs = pod.readyAt - pod.spawnedAt;
  return {
    pushedMs: pushedAt === null ? null : pushedAt - begun,
    nodeMs: lifeMs - pod.readyMs,
    startMs: pod.readyMs,
    firstOutputMs: delays.newestAt - pod.readyAt,
    outputMs: delays.newestAt - begun,
    stoodBy: pod.stoodBy,
  };
}
