import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openForeignKafka } from "../../../app/foreign-kafka.ts";
import { systemClock } from "../../../core/clock.ts";
import { errorText, isMillraceError, MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { KafkaTopicConsumer } from "../../../log/kafka/kafka-topic-consumer.ts";
import { KafkaTopicProducer } from "../../../log/kafka/kafka-topic-producer.ts";
import { whileLost } from "../../../log/kafka/while-lost.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import { IMPATIENT, noKafka, startKafka, type KafkaServers } from "../../support/kafka-servers.ts";
import { KAFKA_USER, noSecureKafka, startSecureKafka } from "../../support/kafka-security.ts";
import { createTestTopic, testCluster, type TestTopic } from "../../support/kafka-topic.ts";
import type { OwnedPartition } from "../../../core/topic-consumer.ts";
import type { KafkaClient } from "../../../log/kafka/kafka-client.ts";

const API = { produce: 0, heartbeat: 68 } as const;
const NEVER = new AbortController().signal;
const IN_TIME = () => AbortSignal.timeout(10_000);
const OLD = 1_000_000_000_000;

const batchOf = (...values: readonly string[]): Buffer =>
  Buffer.from(
    encodeRecordBatch(
      values.map((value) => ({
        timestamp: OLD,
        key: "k",
        value: Buffer.from(value),
        headers: [["h", value]] as const,
      })),
    ),
  );
const codeOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => "it went well",
    (error: unknown) => (isMillraceError(error) ? error.code : errorText(error)),
  );

/** A broker that has just started gives out no producer ids yet. */
const settled = (producer: KafkaTopicProducer, batch: Buffer): Promise<void> =>
  whileLost(20_000, () => producer.produce(batch));

describe.skipIf(noKafka !== null)(`somebody's topic (needs ${noKafka ?? "Java and Maven"})`, () => {
  let servers: KafkaServers;
  let made = 0;
  const ends: (() => Promise<void> | void)[] = [];
  beforeAll(async () => {
    servers = await startKafka(1, IMPATIENT);
  }, 300_000);
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  afterAll(() => servers.stop());

  async function topicWith(partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<TestTopic> {
    made += 1;
    const topic = await createTestTopic(servers.addresses, `somebody-${made}`, partitions, configs);
    ends.push(() => topic.close());
    return topic;
  }

  function producerOf(topic: string, wrap?: (client: KafkaClient) => KafkaClient): KafkaTopicProducer {
    const cluster = testCluster(servers.addresses, wrap);
    const producer = new KafkaTopicProducer({ cluster, topic, key: "edge-1", clock: systemClock });
    ends.push(() => producer.close());
    return producer;
  }

  /** A member, and the partitions that it has. */
  async function memberOf(topic: string, group: string, wrap?: (client: KafkaClient) => KafkaClient) {
    const owned = new Map<number, OwnedPartition>();
    const listener = {
      take: (partition: OwnedPartition) => void owned.set(partition.partition, partition),
      release: async (partition: number) => void owned.delete(partition),
    };
    const cluster = testCluster(servers.addresses, wrap);
    const consumer = new KafkaTopicConsumer({ cluster, topic, group, listener, logger: silentLogger });
    await consumer.start();
    ends.push(() => consumer.stop(AbortSignal.timeout(1000)));
    return { owned, consumer };
  }

  async function valuesFrom(partition: OwnedPartition, offset: number, count: number) {
    const reader = partition.openReader(offset);
    const records = [];
    while (records.length < count) {
      for (const slice of await reader.poll({ bytesMax: 1_000_000, waitMs: 1000, signal: NEVER })) {
        expect(slice.corrupt).toBeUndefined();
        records.push(...slice.records);
      }
    }
    reader.close();
    return records;
  }

  it.each([
    ["as it is", {}],
    ["that compresses again", { "compression.type": "lz4" }],
    ["that dates what comes", { "message.timestamp.type": "LogAppendTime" }],
  ])("%s: batches come out as they went in, dated by now", async (_, configs: Readonly<Record<string, string>>) => {
    const topic = await topicWith(1, configs);
    const before = Date.now();
    const producer = producerOf(topic.topic);
    await settled(producer, batchOf("a", "b"));
    await producer.produce(batchOf("c"));
    const { owned } = await memberOf(topic.topic, "group");
    await expect.poll(() => owned.size).toBe(1);
    const [partition] = owned.values();
    if (partition === undefined) throw new TypeError("no partition");
    const records = await valuesFrom(partition, 0, 3);
    expect(records.map((record) => [Buffer.from(record.value).toString(), record.key, record.header("h")])).toEqual([
      ["a", "k", "a"],
      ["b", "k", "b"],
      ["c", "k", "c"],
    ]);
    expect(Math.min(...records.map(({ timestamp }) => timestamp))).toBeGreaterThanOrEqual(before - 1000);
  });

  it("has a batch once whose answer was lost", async () => {
    const topic = await topicWith(1);
    let losing = true;
    const producer = producerOf(topic.topic, (client) =>
      intercepted(client, async (apiKey, answer) => {
        const bytes = await answer();
        if (apiKey === API.produce && losing) throw new MillraceError("LOG_IO", "the answer is lost");
        return bytes;
      }),
    );
    const batch = batchOf("a", "b");
    expect(await codeOf(producer.produce(batch))).toBe("LOG_IO");
    expect(await topic.size()).toBe(2);
    losing = false;
    await producer.produce(batch);
    await producer.produce(batchOf("c"));
    expect(await topic.size()).toBe(3);
  });

  it("is not made by who writes to it or reads it", async () => {
    expect(await codeOf(producerOf("nobody-made-it").produce(batchOf("a")))).toBe("UNKNOWN_TOPIC");
    expect(await codeOf(memberOf("nobody-made-it", "group").then(() => undefined))).toBe("UNKNOWN_TOPIC");
    expect(await codeOf(producerOf("nobody-made-it").produce(batchOf("a")))).toBe("UNKNOWN_TOPIC");
  });

  it("says when a batch is too large for it, and takes it once it may be", async () => {
    const topic = await topicWith(1, { "max.message.bytes": "1000" });
    const producer = producerOf(topic.topic);
    expect(await codeOf(producer.produce(batchOf("x".repeat(5000))))).toBe("BATCH_TOO_LARGE");
    await producer.produce(batchOf("x"));
    expect(await topic.size()).toBe(1);
  });

  it("is shared by the members of a group, who go on where the last owner has committed", async () => {
    const topic = await topicWith(4);
    const first = await memberOf(topic.topic, "shared");
    await expect.poll(() => first.owned.size).toBe(4);
    const partition = first.owned.get(2);
    if (partition === undefined) throw new TypeError("no partition");
    expect(await partition.position()).toEqual({ committed: null, startOffset: 0, endOffset: 0 });
    await partition.commit(0);
    expect(await partition.position()).toMatchObject({ committed: 0 });
    const second = await memberOf(topic.topic, "shared");
    await expect.poll(() => [first.owned.size, second.owned.size]).toEqual([2, 2]);
    expect([...first.owned.keys(), ...second.owned.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    for (const { owned } of [first, second]) for (const [n, one] of owned) await one.commit(n * 10);
    await first.consumer.stop(IN_TIME());
    ends.splice(1, 1);
    await expect.poll(() => second.owned.size).toBe(4);
    for (const [n, one] of second.owned) expect(await one.position()).toMatchObject({ committed: n * 10 });
  });

  it("takes no commit of a member that the group has given up", async () => {
    const topic = await topicWith(1);
    let isSilent = false;
    const zombie = await memberOf(topic.topic, "fenced", (client) =>
      intercepted(client, (apiKey, answer) => {
        if (apiKey === API.heartbeat && isSilent) return Promise.reject(new MillraceError("LOG_IO", "it is mute"));
        return answer();
      }),
    );
    await expect.poll(() => zombie.owned.size).toBe(1);
    const held = zombie.owned.get(0);
    if (held === undefined) throw new TypeError("no partition");
    await held.commit(1);
    isSilent = true;
    const next = await memberOf(topic.topic, "fenced");
    await expect.poll(() => next.owned.size, { timeout: 30_000 }).toBe(1);
    await next.owned.get(0)?.commit(7);
    expect(await codeOf(held.commit(2))).toBe("JOURNAL_FENCED");
    expect(await next.owned.get(0)?.position()).toMatchObject({ committed: 7 });
  });
});

describe.skipIf(noSecureKafka !== null)(`a Kafka that is signed in to (needs ${noSecureKafka ?? "nothing"})`, () => {
  it("is written to with what is set, asked for each connection, and says what is wrong with it", async () => {
    const kafka = await startSecureKafka();
    try {
      const topic = await createTestTopic(kafka.addresses, "signed", 1);
      const address = { tls: false, brokers: kafka.address("SASL"), topic: "signed", place: "kafka://sasl" };
      let secret = "wrong";
      const signIn = { mechanism: "SCRAM-SHA-256", user: KAFKA_USER.username, secret: () => secret } as const;
      const cluster = await openForeignKafka({ kafkaClient: "platformatic" }, address, signIn, "test");
      const producer = new KafkaTopicProducer({ cluster, topic: "signed", key: "k", clock: systemClock });
      expect(await codeOf(producer.produce(batchOf("a")))).toBe("CONFIG_INVALID");
      secret = KAFKA_USER.password;
      await settled(producer, batchOf("a"));
      expect(await topic.size()).toBe(1);
      producer.close();
      topic.close();
    } finally {
      await kafka.stop();
    }
  }, 120_000);
});

/** The library, with somebody who decides what becomes of each request. */
function intercepted(
  client: KafkaClient,
  decide: (apiKey: number, answer: () => Promise<Buffer>) => Promise<Buffer>,
): KafkaClient {
  return {
    async connect(address) {
      const connection = await client.connect(address);
      return {
        get isOpen() {
          return connection.isOpen;
        },
        send: (request) => decide(request.apiKey, () => connection.send(request)),
        close: () => connection.close(),
      };
    },
  };
}
