import { describe, expect, test } from "vitest";
import { fetchBatches } from "../../../../log/kafka/fetch-records.ts";
import { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import { prepareTopics } from "../../../../log/kafka/kafka-topics.ts";
import { FakeBrokers } from "./fake-brokers.ts";

const POLICY = { replication: null, create: true };

function clusterOf(brokers: FakeBrokers): KafkaCluster {
  return new KafkaCluster({ client: brokers, bootstrap: [{ host: "broker", port: 1 }] });
}

function wanted(partitions: number) {
  return [{ topic: "t", partitions, batchBytesMax: 1, segmentBytes: 1 }];
}

describe("topics that are missing", () => {
  test("are made by the controller, whichever broker was asked for the others", async () => {
    const brokers = new FakeBrokers([1, 3]);
    brokers.exists = false;
    await prepareTopics(clusterOf(brokers), wanted(2), POLICY);
    expect(brokers.exists).toBe(true);
  });

  test("are there only when their leaders know that they lead", async () => {
    const brokers = new FakeBrokers([1]);
    brokers.exists = false;
    brokers.unaware = 4;
    await prepareTopics(clusterOf(brokers), wanted(1), POLICY);
    expect(brokers.unaware).toBeLessThan(0);
  });

  test("are not made where that is forbidden, and none is when one has other partitions", async () => {
    const brokers = new FakeBrokers([1]);
    brokers.exists = false;
    const forbidden = prepareTopics(clusterOf(brokers), wanted(1), { ...POLICY, create: false });
    await expect(forbidden).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/t \(1 partition\)$/),
    });
    brokers.exists = true;
    brokers.leaders = [1, 2, 3];
    await expect(prepareTopics(clusterOf(brokers), wanted(2), POLICY)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });
});

test("topics are ready when their leaders know that they lead, also of a broker that has just started", async () => {
  const brokers = new FakeBrokers([1]);
  brokers.unaware = 4;
  await prepareTopics(clusterOf(brokers), wanted(1), POLICY);
  expect(brokers.unaware).toBeLessThan(0);
});

test("a topic has the partitions that are wanted, or more where those do no harm", async () => {
  const brokers = new FakeBrokers([1, 2, 3]);
  const some = wanted(1).map((one) => ({ ...one, mayHaveMore: true }));
  await prepareTopics(clusterOf(brokers), some, { ...POLICY, create: false });
  for (const count of [1, 2, 4]) {
    const refused = prepareTopics(clusterOf(brokers), wanted(count), { ...POLICY, create: false });
    await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("has 3") });
  }
});

test("a range that no leader has is given up at the signal", async () => {
  const brokers = new FakeBrokers([1]);
  const cluster = clusterOf(brokers);
  cluster.follow(["t"]);
  await cluster.refresh();
  const read = fetchBatches(cluster, { topic: "t", partition: 0, from: 5, to: 9 }, AbortSignal.timeout(20)).next();
  await expect(read).rejects.toMatchObject({ code: "LOG_LOST", message: "t/0 cannot be read from 5 to 9" });
});
