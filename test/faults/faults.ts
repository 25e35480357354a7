import { setTimeout as delay } from "node:timers/promises";
import { endBroker, restartBroker, startAgain } from "../../deploy/kafka/kafka-cluster.ts";
import type { Random } from "../../device-sim/random.ts";
import type { Cluster } from "../support/cluster.ts";
import { pick, shuffled } from "./chance.ts";
import { frozen, type Stand } from "./stand.ts";
import type { Durations } from "./durations.ts";
import type { Span } from "./fleet.ts";
import type { KafkaView } from "./kafka-view.ts";

/** What a fault may reach. */
export interface FaultScene {
  readonly cluster: Cluster;
  readonly stand: Stand;
  readonly kafka: KafkaView;
  /** Name of the topic that devices publish into. */
  readonly telemetry: string;
  readonly durations: Durations;
  readonly signal: AbortSignal;
  /** Added to by a fault: from when to when fewer brokers ran than `min.insync.replicas`. */
  readonly belowMinIsr: Span[];
}

/** Something that goes wrong, and is over when it resolves, with where it was. */
export interface Fault {
  readonly kind: string;
  run(scene: FaultScene, random: Random): Promise<string>;
}

const POLL_MS = 200;

/** One after the other: each begins with all replicas in sync. */
export const FAULTS: readonly Fault[] = [
  {
    kind: "leader-killed",
    run: async (scene) => killed(scene, await scene.kafka.leaderOf(scene.telemetry)),
  },
  {
    kind: "controller-killed",
    run: async (scene) => killed(scene, await scene.kafka.activeController()),
  },
  {
    kind: "broker-stands-still",
    async run({ cluster, kafka, durations, signal }, random) {
      const { id, pid } = pick(cluster.kafka.cluster.brokers, random);
      await frozen(pid, durations.standstill, signal);
      await kafka.untilInSync(signal);
      return `broker ${id}`;
    },
  },
  {
    kind: "rolling-restart",
    async run({ cluster, kafka, signal }, random) {
      const brokers = cluster.kafka.cluster;
      const ids = shuffled(brokers.brokers, random).map(({ id }) => id);
      for (const id of ids) {
        await restartBroker(brokers, id, "SIGTERM");
        await kafka.untilInSync(signal);
      }
      return `brokers ${ids.join(", ")}`;
    },
  },
  {
    kind: "two-brokers-down",
    // With both gateways away there would be nobody who might acknowledge.
    run: (scene, random) => scene.stand.holding("gateway", () => twoBrokersDown(scene, random)),
  },
  {
    kind: "zombie",
    async run(scene, random) {
      const { stand, durations } = scene;
      stand.mayScale = false;
      try {
        const name = pick(await untilTwoProcessors(scene), random);
        await stand.freeze(name, durations.zombie);
        return name;
      } finally {
        stand.mayScale = true;
      }
    },
  },
  {
    kind: "redis-restarted",
    async run({ cluster: { redis }, signal }, random) {
      await redis?.kill();
      await backAfter(random.between(500, 4000), signal, () => redis?.start());
      return "";
    },
  },
  {
    kind: "postgres-killed",
    async run({ cluster: { postgres }, signal }, random) {
      await postgres.kill();
      await backAfter(random.between(500, 4000), signal, () => postgres.start());
      return "";
    },
  },
];

async function killed({ cluster, kafka, signal }: FaultScene, id: number): Promise<string> {
  await restartBroker(cluster.kafka.cluster, id, "SIGKILL");
  await kafka.untilInSync(signal);
  return `broker ${id}`;
}

async function twoBrokersDown(scene: FaultScene, random: Random): Promise<string> {
  const { kafka, durations, signal, belowMinIsr } = scene;
  const { cluster } = scene.cluster.kafka;
  const ids = shuffled(cluster.brokers, random)
    .slice(0, 2)
    .map(({ id }) => id);
  for (const id of ids) await endBroker(cluster, id, "SIGKILL");
  const from = performance.now();
  await delay(durations.twoBrokersDown, undefined, { signal });
  belowMinIsr.push({ from, to: performance.now() });
  await Promise.all(ids.map((id) => startAgain(cluster, id)));
  await kafka.untilInSync(signal);
  return `brokers ${ids.join(", ")}`;
}

/** Somebody else must be there to take the partitions over. */
async function untilTwoProcessors({ stand, signal }: FaultScene): Promise<string[]> {
  for (;;) {
    const names = stand.idle(["processors"]);
    if (names.length >= 2) return names;
    stand.add("processors-1");
    stand.add("processors-2");
    await delay(POLL_MS, undefined, { signal });
  }
}

async function backAfter(ms: number, signal: AbortSignal, start: () => Promise<void> | undefined): Promise<void> {
  await delay(ms, undefined, { signal });
  await start();
}
