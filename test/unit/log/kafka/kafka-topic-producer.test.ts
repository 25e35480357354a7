import { afterEach, describe, expect, test } from "vitest";
import { isMillraceError, MillraceError } from "../../../../core/errors.ts";
import { partitionOf } from "../../../../core/partitioner.ts";
import { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import { KafkaTopicProducer } from "../../../../log/kafka/kafka-topic-producer.ts";
import { KAFKA_ERROR } from "../../../../wire/kafka/kafka-errors.ts";
import { encodeRecordBatch } from "../../../../wire/record-batch-writer.ts";
import { FakeBrokers, type ProduceAnswer } from "./fake-brokers.ts";

const KEY = "edge-1";
const PARTITION = partitionOf(KEY, 3);
const producers: KafkaTopicProducer[] = [];
afterEach(() => {
  for (const producer of producers.splice(0)) producer.close();
});

function start(brokers: FakeBrokers): KafkaTopicProducer {
  const cluster = new KafkaCluster({ client: brokers, bootstrap: [{ host: "broker", port: 1 }] });
  const producer = new KafkaTopicProducer({ cluster, topic: "t", key: KEY, clock: { now: () => 5000 } });
  producers.push(producer);
  return producer;
}

const batchOf = (...values: readonly string[]): Buffer =>
  Buffer.from(
    encodeRecordBatch(values.map((value) => ({ timestamp: 1, key: null, value: Buffer.from(value), headers: [] }))),
  );

/** What becomes of the first attempts; all later ones are taken. */
function firstAnswers(brokers: FakeBrokers, ...answers: (() => ProduceAnswer | Promise<ProduceAnswer>)[]): void {
  brokers.onProduce = (batch) => answers.shift()?.() ?? brokers.append(batch);
}

const refuse = (errorCode: number) => (): ProduceAnswer => ({ errorCode, baseOffset: -1 });
const lose = (): Promise<ProduceAnswer> => Promise.reject(new MillraceError("LOG_IO", "the connection is gone"));
const attempts = (brokers: FakeBrokers) => brokers.produced.flatMap(({ batches }) => batches);
const codeOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => "it went well",
    (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
  );

describe("what is produced into somebody's topic", () => {
  test("goes to the partition of the key, numbered on, one batch after the other", async () => {
    const brokers = new FakeBrokers([1, 2, 3]);
    const producer = start(brokers);
    await producer.produce(batchOf("a", "b"));
    await producer.produce(batchOf("c"));
    expect(brokers.produced.map(({ broker }) => broker)).toEqual([PARTITION + 1, PARTITION + 1]);
    expect(attempts(brokers)).toEqual([
      { partition: PARTITION, producer: 1, sequence: 0, values: ["a", "b"] },
      { partition: PARTITION, producer: 1, sequence: 2, values: ["c"] },
    ]);
  });

  test("goes again under its number when nobody knows whether it landed, so that the broker drops what it has", async () => {
    const brokers = new FakeBrokers([1, 1, 1]);
    const producer = start(brokers);
    firstAnswers(brokers, lose, refuse(KAFKA_ERROR.duplicateSequence));
    const batch = batchOf("a");
    expect(await codeOf(producer.produce(batch))).toBe("LOG_IO");
    await producer.produce(Buffer.from(batch));
    await producer.produce(batchOf("b"));
    expect(attempts(brokers).map(({ producer: id, sequence, values }) => [id, sequence, ...values])).toEqual([
      [1, 0, "a"],
      [1, 0, "a"],
      [1, 1, "b"],
    ]);
  });

  test("another batch after one of unknown outcome goes as a new producer's, lest the broker take it for that one", async () => {
    const brokers = new FakeBrokers([1, 1, 1]);
    const producer = start(brokers);
    firstAnswers(brokers, lose);
    expect(await codeOf(producer.produce(batchOf("a")))).toBe("LOG_IO");
    await producer.produce(batchOf("b"));
    expect(attempts(brokers).map(({ producer: id, sequence, values }) => [id, sequence, ...values])).toEqual([
      [1, 0, "a"],
      [2, 0, "b"],
    ]);
  });

  test("follows the leader when it moves, at once", async () => {
    const brokers = new FakeBrokers([1, 1, 1]);
    const producer = start(brokers);
    await producer.produce(batchOf("a"));
    firstAnswers(brokers, () => {
      brokers.leaders = [2, 2, 2];
      return refuse(KAFKA_ERROR.notLeaderOrFollower)();
    });
    await producer.produce(batchOf("b"));
    expect(brokers.produced.map(({ broker }) => broker)).toEqual([1, 1, 2]);
    expect(attempts(brokers).map(({ sequence }) => sequence)).toEqual([0, 1, 1]);
  });

  test("begins a new sequence where the broker has forgotten the producer", async () => {
    const brokers = new FakeBrokers([1, 1, 1]);
    const producer = start(brokers);
    await producer.produce(batchOf("a"));
    firstAnswers(brokers, refuse(KAFKA_ERROR.outOfOrderSequence));
    await producer.produce(batchOf("b"));
    expect(attempts(brokers).map(({ producer: id, sequence }) => [id, sequence])).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
    ]);
  });

  test.each([
    [KAFKA_ERROR.messageTooLarge, "BATCH_TOO_LARGE"],
    [KAFKA_ERROR.recordListTooLarge, "BATCH_TOO_LARGE"],
    [KAFKA_ERROR.invalidTimestamp, "INVALID_INPUT"],
    [KAFKA_ERROR.topicAuthorizationFailed, "NOT_AUTHORIZED"],
    [KAFKA_ERROR.notEnoughReplicas, "LOG_IO"],
  ])("a refusal with Kafka's error %i is %s, and the same batch may be taken later", async (errorCode, code) => {
    const brokers = new FakeBrokers([1, 1, 1]);
    const producer = start(brokers);
    firstAnswers(brokers, refuse(errorCode));
    const batch = batchOf("a");
    expect(await codeOf(producer.produce(batch))).toBe(code);
    await producer.produce(batch);
    expect(brokers.logs.get(PARTITION)).toEqual(["a"]);
  });

  test("is refused while there is no such topic, which is made by nobody here, and taken once there is", async () => {
    const brokers = new FakeBrokers([1, 1, 1]);
    brokers.exists = false;
    const producer = start(brokers);
    expect(await codeOf(producer.produce(batchOf("a")))).toBe("UNKNOWN_TOPIC");
    expect(brokers.exists).toBe(false);
    brokers.exists = true;
    await producer.produce(batchOf("a"));
    expect(brokers.logs.get(PARTITION)).toEqual(["a"]);
  });

  test("waits for brokers that are away, and for a leader", async () => {
    const brokers = new FakeBrokers([1, 1, 1]);
    const producer = start(brokers);
    await producer.produce(batchOf("a"));
    for (const broker of [1, 2, 3]) brokers.dead.add(broker);
    expect(await codeOf(producer.produce(batchOf("b")))).toBe("LOG_LOST");
    brokers.dead.clear();
    brokers.leaders = [-1, -1, -1];
    expect(await codeOf(producer.produce(batchOf("b")))).toBe("LOG_LOST");
    brokers.leaders = [3, 3, 3];
    await producer.produce(batchOf("b"));
    expect(brokers.logs.get(PARTITION)).toEqual(["a", "b"]);
  });
});
