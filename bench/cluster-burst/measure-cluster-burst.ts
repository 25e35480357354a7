import { setTimeout as delay } from "node:timers/promises";
import { installationId } from "../../app/data-directory.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { startCluster, type Cluster } from "../../test/support/cluster.ts";
import { freePort } from "../../test/support/free-port.ts";
import { openTestKafkaLog } from "../../test/support/kafka-servers.ts";
import { instanceApi } from "../../test/support/replay-run.ts";
import { PacedDevices } from "./paced-devices.ts";
import { provisionDevices } from "./provision-devices.ts";
import { KeptStandby } from "../../deploy/cluster/kept-standby.ts";
import { PlayedKeda, type ScaleStep } from "../../deploy/cluster/play-keda.ts";
import {
  measureColdWakes,
  measureStandbyWakes,
  measureWake,
  type StandbyWake,
  type Wake,
  type WakePlace,
} from "./measure-wakes.ts";
import { until } from "./until.ts";
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
  /** Starts of a process that has a message to work, and as many of one that stood by. */
  readonly wakes: number;
  /** The burst and the way to zero are left out: one process works for the time of rest, and then the wakes. */
  readonly wakesOnly: boolean;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What the burst itself showed. */
export interface BurstRun {
  readonly burstPerSecond: number;
  /** The latest reading of all, and when they were below 5 s for good, in seconds from the burst's beginning. */
  readonly longestDelayMs: number;
  readonly recoveredSeconds: number;
  readonly recoveredAfterEndSeconds: number;
  readonly steps: readonly { readonly seconds: number; readonly replicas: number }[];
  readonly replicasMost: number;
  /** From the last message until the last process was gone; null: not in time. */
  readonly zeroSeconds: number | null;
  /** By the scaler's push, from zero, with a process that stands by. */
  readonly wake: Wake | null;
}

export interface ClusterBurstRun {
  readonly sent: number;
  readonly readings: number;
  readonly repeated: number;
  /** Null where only wakes were measured. */
  readonly burst: BurstRun | null;
  /** With a process that stood by, and was told to begin in the moment of the message. */
  readonly standbys: readonly StandbyWake[];
  /** With a process started in the moment of the message. */
  readonly starts: readonly Wake[];
}

const PREFIX = "burst.";
const PARTITIONS = 32;
const LATE_MS = 5000;
const DRAIN_MS = 90_000;
const ZERO_MS = 210_000;
const ANSWER_MS = 30_000;

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
  const standby = new KeptStandby({ standBy: (name) => cluster.standBy(name), say });
  const keda = new PlayedKeda({ cluster, scalerPort, maxReplicas, cooldownMs: cooldownSeconds * 1000, standby, say });
  try {
    await delays.start();
    keda.start();
    await devices.start();
    const place = { devices, delays, keda, standby };
    const burst = options.wakesOnly ? await playRest(place, options) : await playBurstToZero(place, options);
    // From here on nobody follows the scaler: a stage stays active for two minutes.
    await keda.hold();
    const standbys = await measureStandbyWakes(place, options.wakes);
    await keda.withoutStandby();
    const starts = await measureColdWakes(place, options.wakes);
    return { burst, standbys, starts, sent: devices.sent, readings: delays.readings, repeated: delays.repeated };
  } finally {
    await keda.stop();
    await delays.stop();
    devices.end();
    await log.close(AbortSignal.timeout(5000));
  }
}

/** So that there is something to restore. */
async function playRest({ devices, delays }: WakePlace, { rate, restSeconds }: ClusterBurstOptions): Promise<null> {
  devices.rate = rate;
  await until(() => delays.readings > 0, ANSWER_MS * 2);
  await delay(restSeconds * 1000);
  devices.rate = 0;
  await until(() => delays.readings >= devices.sent, DRAIN_MS);
  return null;
}

async function playBurstToZero(place: WakePlace, options: ClusterBurstOptions): Promise<BurstRun> {
  const { devices, delays, keda } = place;
  const burst = await playBurst(devices, delays, keda, options);
  const zeroSeconds = await untilZero(keda, options.say);
  if (zeroSeconds === null) return { ...burst, zeroSeconds, wake: null };
  await place.standby.waiting();
  return { ...burst, zeroSeconds, wake: await measureWake(place, false) };
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
