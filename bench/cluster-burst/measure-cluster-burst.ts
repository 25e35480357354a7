import { setTimeout as delay } from "node:timers/promises";
import { installationId } from "../../app/data-directory.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { startCluster, type Cluster } from "../../test/support/cluster.ts";
import { freePort } from "../../test/support/free-port.ts";
import { openTestKafkaLog } from "../../test/support/kafka-servers.ts";
import { instanceApi } from "../../test/support/replay-run.ts";
import { PacedDevices } from "./paced-devices.ts";
import { provisionDevices } from "./provision-devices.ts";
import { PlayedKeda, type ScaleStep } from "./play-keda.ts";
import { ReadingDelays } from "./reading-delays.ts";

export interface ClusterBurstOptions {
  readonly brokers: 1 | 3;
  readonly devices: number;
  /** Messages a second before the burst, and how many times that in it. */
  readonly rate: number;
  readonly factor: number;
  readonly restSeconds: number;
  readonly burstSeconds: number;
  readonly maxReplicas: number;
  readonly cooldownSeconds: number;
  /** Starts of a process that has a message to work. */
  readonly wakes: number;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Milliseconds, from PUBLISH on. */
export interface Wake {
  /** Until the scaler has pushed it; null where nobody waited for that. */
  readonly pushedMs: number | null;
  /** Of the start: until its first line of ours ran, from there until it was ready. */
  readonly nodeMs: number;
  readonly startMs: number;
  /** From ready until the reading was in the log; below 0 when it was there before. */
  readonly firstOutputMs: number;
  /** Until the reading was in the log. */
  readonly outputMs: number;
}

export interface ClusterBurstRun {
  readonly sent: number;
  readonly readings: number;
  readonly repeated: number;
  readonly burstPerSecond: number;
  /** The latest reading of all, and when they were below 5 s for good, in seconds from the burst's beginning. */
  readonly longestDelayMs: number;
  readonly recoveredSeconds: number;
  readonly recoveredAfterEndSeconds: number;
  readonly steps: readonly { readonly seconds: number; readonly replicas: number }[];
  readonly replicasMost: number;
  /** From the last message until the last process was gone; null: not in time. */
  readonly zeroSeconds: number | null;
  /** By the scaler's push, from zero. */
  readonly wake: Wake | null;
  /** With a process started in the moment of the message. */
  readonly starts: readonly Wake[];
}

const PREFIX = "burst.";
const PARTITIONS = 32;
const LATE_MS = 5000;
const DRAIN_MS = 90_000;
const ZERO_MS = 210_000;
const ANSWER_MS = 30_000;
const STEP_MS = 5;

/** The installation on this machine without tables and sinks: the way from PUBLISH to the reading is what is scaled. */
export async function measureClusterBurst(options: ClusterBurstOptions): Promise<ClusterBurstRun> {
  const { brokers, signal } = options;
  const stores = { brokers, clickhouse: false, redis: false, prefix: PREFIX, partitions: PARTITIONS } as const;
  const environment = { MILLRACE_KAFKA_REPLICATION: String(brokers) };
  const cluster = await startCluster({ ...stores, environment, ...(signal === undefined ? {} : { signal }) });
  try {
    return await measureOn(cluster, options);
  } finally {
    await cluster.dispose();
  }
}

async function measureOn(cluster: Cluster, options: ClusterBurstOptions): Promise<ClusterBurstRun> {
  const { devices: count, maxReplicas, cooldownSeconds, say } = options;
  const scalerPort = await freePort();
  const mqttPort = await freePort();
  await cluster.start("api", "api", { MILLRACE_SCALER_PORT: String(scalerPort) });
  await cluster.start("gateway", "gateway", { MILLRACE_MQTT_PORT: String(mqttPort) });
  const devices = new PacedDevices(await provisionDevices(instanceApi(cluster.dataOf("api")), count), mqttPort);
  const installation = installationId(Buffer.from(cluster.secret, "hex"));
  const { addresses } = cluster.kafka;
  const log = await openTestKafkaLog(addresses, createPlatformaticClient, PARTITIONS, PREFIX, { installation });
  const delays = new ReadingDelays(log);
  const keda = new PlayedKeda({ cluster, scalerPort, maxReplicas, cooldownMs: cooldownSeconds * 1000, say });
  try {
    await delays.start();
    keda.start();
    await devices.start();
    const burst = await playBurst(devices, delays, keda, options);
    const zeroSeconds = await untilZero(keda, say);
    const wake = zeroSeconds === null ? null : await measureWake(devices, delays, keda, false);
    const starts: Wake[] = [];
    // From here on nobody follows the scaler: a stage stays active for two minutes.
    await keda.hold();
    for (let n = 0; n < options.wakes; n += 1) {
      await keda.scaleTo(0);
      starts.push(await measureWake(devices, delays, keda, true));
    }
    return {
      ...burst,
      zeroSeconds,
      wake,
      starts,
      sent: devices.sent,
      readings: delays.readings,
      repeated: delays.repeated,
    };
  } finally {
    await keda.stop();
    await delays.stop();
    devices.end();
    await log.close(AbortSignal.timeout(5000));
  }
}

async function playBurst(
  devices: PacedDevices,
  delays: ReadingDelays,
  keda: PlayedKeda,
  { rate, factor, restSeconds, burstSeconds, say }: ClusterBurstOptions,
) {
  devices.rate = rate;
  say(`${rate} messages a second`);
  // The first process has started, and rates are known.
  await until(() => delays.readings > 0, ANSWER_MS * 2);
  await delay(restSeconds * 1000);
  const before = { sent: devices.sent, at: performance.now() };
  // The way from zero at the start is no part of the burst.
  delays.bySecond.clear();
  devices.rate = rate * factor;
  say(`${rate * factor} messages a second for ${burstSeconds} s`);
  await delay(burstSeconds * 1000);
  devices.rate = rate;
  const ended = performance.now();
  const burstPerSecond = Math.round((devices.sent - before.sent) / ((ended - before.at) / 1000));
  say(`${rate} messages a second`);
  await delay(restSeconds * 1000);
  devices.rate = 0;
  const all = await until(() => delays.readings >= devices.sent, DRAIN_MS);
  say(all ? "all is worked" : "NOT all is worked");
  const steps = keda.steps.map(({ at, replicas }: ScaleStep) => ({
    seconds: Math.round((at - before.at) / 100) / 10,
    replicas,
  }));
  return {
    burstPerSecond,
    longestDelayMs: delays.longestMs,
    recoveredSeconds: delays.secondsUntilBelow(LATE_MS, before.at),
    recoveredAfterEndSeconds: delays.secondsUntilBelow(LATE_MS, ended),
    steps,
    replicasMost: Math.max(0, ...steps.map(({ replicas }) => replicas)),
  };
}

async function untilZero(keda: PlayedKeda, say: (text: string) => void): Promise<number | null> {
  const begun = performance.now();
  const isZero = await until(() => keda.replicas === 0, ZERO_MS);
  await keda.settled();
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  say(isZero ? `no processor after ${seconds} s of idleness` : "processors did NOT go to zero");
  return isZero ? seconds : null;
}

/** `atOnce`: a process is started with the message, without waiting for who says so. */
async function measureWake(
  devices: PacedDevices,
  delays: ReadingDelays,
  keda: PlayedKeda,
  atOnce: boolean,
): Promise<Wake> {
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
  };
}

async function until(condition: () => boolean, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (!condition() && performance.now() < deadline) await delay(STEP_MS);
  return condition();
}
