import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../../core/logger.ts";
import { readFullness } from "../../../../log/kafka/fullness.ts";
import { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import { KafkaPositions } from "../../../../log/kafka/kafka-positions.ts";
import { FakeBrokers } from "./fake-brokers.ts";
import type { TopicNames } from "../../../../log/kafka/topic-names.ts";

const same = (name: string): string => name;
const NAMES: TopicNames = { topic: same, journal: same, group: same, owners: same };

/** What the status of a log asks the coordinators of the groups of `t` and of retention. */
async function looking(brokers: FakeBrokers, cluster = clusterOf(brokers)): Promise<() => Promise<void>> {
  await cluster.refresh();
  const positions = new KafkaPositions({ cluster, names: NAMES, logger: silentLogger });
  return async () => {
    expect(await readFullness(cluster, NAMES)).toBeNull();
    expect(await positions.journals()).toEqual([]);
  };
}

function clusterOf(brokers: FakeBrokers): KafkaCluster {
  return new KafkaCluster({ client: brokers, bootstrap: [{ host: "broker", port: 3 }] });
}

describe("the coordinator of a group", () => {
  test("is looked up once", async () => {
    const brokers = new FakeBrokers([1]);
    const look = await looking(brokers);
    await look();
    expect(brokers.coordinatorsTold).toBe(2);
    for (let count = 0; count < 3; count++) await look();
    expect(brokers.coordinatorsTold).toBe(2);
  });

  test("is asked though it was away when the brokers were last asked for", async () => {
    const brokers = new FakeBrokers([1]);
    const cluster = clusterOf(brokers);
    const look = await looking(brokers, cluster);
    cluster.metadata = { ...cluster.metadata, brokers: cluster.metadata.brokers.filter(({ id }) => id !== 1) };
    await look();
    expect(cluster.metadata.brokers.map(({ id }) => id)).toContain(1);
  });

  test("is found again when it says that it is another broker now", async () => {
    const brokers = new FakeBrokers([1]);
    const look = await looking(brokers);
    await look();
    brokers.coordinator = 2;
    await look();
    expect(brokers.coordinatorsTold).toBe(4);
  });

  test("is found again when it is gone", async () => {
    const brokers = new FakeBrokers([1]);
    const look = await looking(brokers);
    await look();
    brokers.dead.add(1);
    brokers.coordinator = 2;
    await look();
    expect(brokers.coordinatorsTold).toBe(4);
  });

  test("is asked nothing any more when the log is closed", async () => {
    const brokers = new FakeBrokers([1]);
    const cluster = clusterOf(brokers);
    const look = await looking(brokers, cluster);
    await look();
    cluster.close();
    await expect(readFullness(cluster, NAMES)).rejects.toMatchObject({ code: "LOG_CLOSED" });
  });

  test("that is gone and not replaced is told to whoever asks", async () => {
    const brokers = new FakeBrokers([1]);
    const look = await looking(brokers);
    await look();
    brokers.dead.add(1);
    await expect(look()).rejects.toMatchObject({ code: "LOG_LOST" });
  });
});
