import { setTimeout as delay } from "node:timers/promises";
import { startCluster, type Cluster } from "../support/cluster.ts";
import { freePort } from "../support/free-port.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { durationsFor, isFull, shortened } from "./durations.ts";
import { acknowledgedIn, Fleet, publishedIn, type Span } from "./fleet.ts";
import { judge } from "./judge.ts";
import { KafkaView } from "./kafka-view.ts";
import { runLanes, type Happened } from "./lanes.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { provision } from "./provision.ts";
import { Stand } from "./stand.ts";
import type { Figures } from "./verdict.ts";

export interface RunOptions {
  readonly seed: string;
  readonly seconds: number;
  readonly devices: number;
  readonly client: "platformatic" | "kafkajs";
  /** Kinds of faults that happen one after the other; null for all of them. */
  readonly kinds: readonly string[] | null;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

const PARTITIONS = 8;
const PREFIX = "faults.";
const RECOVERY_MS = 60_000;
const SETTLE_MS = 180_000;
/** What has not recovered will hardly settle. */
const UNWELL_MS = 30_000;
const GATEWAYS = ["gateway-1", "gateway-2"];
const PROCESSES = ["api", ...GATEWAYS, "processors-1", "sinks-1", "sinks-2"];
/** What no fault shows of: windows close that the last messages opened. */
const FLUSH_BEYOND_MS = 120_000;

/** A whole installation from its start to its verdict; nothing of it is left. */
export async function runOnce(options: RunOptions): Promise<Figures> {
  const { client, signal, say } = options;
  const cluster = await startCluster({
    brokers: 3,
    clickhouse: true,
    redis: true,
    prefix: PREFIX,
    partitions: PARTITIONS,
    environment: { MILLRACE_KAFKA_REPLICATION: "3", MILLRACE_KAFKA_CLIENT: client },
    signal,
  });
  const memory = new MemoryWatch();
  try {
    signal.throwIfAborted();
    return await runOn(cluster, memory, options);
  } finally {
    memory.stop();
    say("ending");
    await cluster.dispose();
  }
}

async function runOn(cluster: Cluster, memory: MemoryWatch, options: RunOptions): Promise<Figures> {
  const { signal, say } = options;
  const ports = new Map<string, number>();
  for (const name of GATEWAYS) ports.set(name, await freePort());
  const stand = new Stand({ cluster, ports, signal, say });
  for (const name of PROCESSES) stand.add(name);
  await stand.settled();
  signal.throwIfAborted();
  say(`${cluster.processes.size} processes on three brokers are ready`);
  const api = instanceApi(cluster.dataOf("api"));
  const fleet = new Fleet(await provision(api, options.devices), [...ports.values()]);
  const kafka = new KafkaView(cluster.kafka.addresses);
  const chatter = setInterval(() => say(`  ${fleet.acknowledged} of ${fleet.sent} acknowledged`), 10_000);
  try {
    fleet.start();
    const belowMinIsr: Span[] = [];
    const happened = await runFaults({ cluster, stand, kafka, belowMinIsr, options });
    const recoverySeconds = await recover(stand, fleet, options);
    clearInterval(chatter);
    const flushUpTo = fleet.lastTime + FLUSH_BEYOND_MS;
    const audited = await flushAndSettle(api, flushUpTo, recoverySeconds === null ? UNWELL_MS : SETTLE_MS, say);
    const peaks = memory.stop();
    signal.throwIfAborted();
    const judged = await judge({ cluster, fleet, prefix: PREFIX, partitions: PARTITIONS, flushUpTo });
    return {
      seed: options.seed,
      client: options.client,
      seconds: options.seconds,
      kinds: Object.fromEntries(happened),
      starts: stand.starts,
      failedStarts: stand.failedStarts.length,
      sent: fleet.sent,
      acknowledged: fleet.acknowledged,
      ...judged,
      ...audited,
      publishedBelowMinIsr: sumOver(belowMinIsr, (span) => publishedIn(fleet.ledger, span)),
      acknowledgedBelowMinIsr: sumOver(belowMinIsr, (span) => acknowledgedIn(fleet.ledger, span)),
      recoverySeconds,
      endedByThemselves: stand.endedByThemselves(),
      hungStops: stand.hungStops,
      memory: peaks,
    };
  } finally {
    clearInterval(chatter);
    kafka.close();
    fleet.end();
  }
}

interface Faulting {
  readonly cluster: Cluster;
  readonly stand: Stand;
  readonly kafka: KafkaView;
  readonly belowMinIsr: Span[];
  readonly options: RunOptions;
}

function runFaults({ cluster, stand, kafka, belowMinIsr, options }: Faulting): Promise<Happened> {
  const { seed, seconds, kinds, signal, say } = options;
  const durations = durationsFor(seconds);
  for (const text of shortened(durations)) say(`shortened: ${text}`);
  const until = performance.now() + seconds * 1000;
  const scene = { cluster, stand, kafka, telemetry: `${PREFIX}telemetry`, durations, signal, belowMinIsr };
  return runLanes({ ...scene, seed, until, kinds, isFull: isFull(seconds), say });
}

/** Everything must be ready and acknowledged within a minute, by itself. Seconds; null when it was not. */
async function recover(stand: Stand, fleet: Fleet, { signal, say }: RunOptions): Promise<number | null> {
  const begun = performance.now();
  const deadline = begun + RECOVERY_MS;
  const left = (): number => Math.max(0, deadline - performance.now());
  say("the last fault is over");
  await Promise.race([stand.settled(), delay(left(), undefined, { signal, ref: false })]);
  await fleet.settle(left(), signal);
  for (;;) {
    const reasons = await reasonsOf(stand);
    const isWell = reasons.length === 0 && fleet.acknowledged === fleet.sent;
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    if (isWell) say(`recovered after ${seconds} s`);
    if (isWell) return seconds;
    if (performance.now() > deadline) {
      say(`not recovered: ${JSON.stringify(reasons)}, ${fleet.acknowledged} of ${fleet.sent} acknowledged`);
      return null;
    }
    await delay(200, undefined, { signal });
  }
}

/** Why processes are not ready. */
async function reasonsOf({ cluster }: Stand): Promise<string[]> {
  const answers = [...cluster.processes].map(async ([name, { ready }]) => {
    try {
      const { reasons }: { reasons: readonly string[] } = JSON.parse(
        await (await fetch(`${ready.http}/readyz`, { signal: AbortSignal.timeout(5000) })).text(),
      );
      return reasons.map((reason) => `${name}: ${reason}`);
    } catch (error) {
      return [`${name}: ${String(error)}`];
    }
  });
  return (await Promise.all(answers)).flat();
}

async function flushAndSettle(
  api: InstanceApi,
  upTo: number,
  waitMs: number,
  say: (text: string) => void,
): Promise<Pick<Figures, "balanced" | "storedOnce">> {
  try {
    await api.post("/flush", { upTo });
    const { balanced, storedOnce } = await settled(api, waitMs);
    return { balanced, storedOnce: storedOnce === true };
  } catch (error) {
    say(String(error));
    return { balanced: false, storedOnce: false };
  }
}

function sumOver(spans: readonly Span[], count: (span: Span) => number): number {
  return spans.reduce((sum, span) => sum + count(span), 0);
}
