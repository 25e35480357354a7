import { MillraceError } from "../../core/errors.ts";
import { systemClock } from "../../core/clock.ts";
import { LIMITS } from "../../core/limits.ts";
import { KafkaCluster } from "../../log/kafka/kafka-cluster.ts";
import { partitionRanges } from "../../log/kafka/kafka-status.ts";
import { KafkaTopicProducer } from "../../log/kafka/kafka-topic-producer.ts";
import { whileLost } from "../../log/kafka/while-lost.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { callCoordinator } from "../../log/kafka/call-coordinator.ts";
import { OFFSET_FETCH } from "../../wire/kafka/offset-apis.ts";
import { CREATE_TOPICS } from "../../wire/kafka/topic-apis.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import type { RecordInput } from "../../core/record.ts";
import type { BrokerAddress, KafkaClient } from "../../log/kafka/kafka-client.ts";

/** A topic of a test, as somebody sees it who looks at it from outside. */
export interface TestTopic {
  readonly topic: string;
  /** `kafka://host:port/topic` */
  readonly url: string;
  /** Records that the group has not committed yet; all of them before it has committed anything. */
  lag(group: string): Promise<number>;
  /** Records in it. */
  size(): Promise<number>;
  /** As one batch, into the partition of the key. */
  put(key: string, records: readonly RecordInput[]): Promise<void>;
  close(): void;
}

/** `wrap`: what stands between it and the client library. */
export function testCluster(
  brokers: readonly BrokerAddress[],
  wrap: (client: KafkaClient) => KafkaClient = (client) => client,
): KafkaCluster {
  const client = createPlatformaticClient({
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: LIMITS.kafkaConnectTimeoutMs,
    requestTimeoutMs: LIMITS.kafkaRequestTimeoutMs,
  });
  return new KafkaCluster({ client: wrap(client), bootstrap: brokers });
}

/** Makes it. */
export async function createTestTopic(
  brokers: readonly BrokerAddress[],
  topic: string,
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<TestTopic> {
  const cluster = testCluster(brokers);
  cluster.follow([topic]);
  await cluster.refresh();
  const topics = [{ topic, partitions, replication: -1, configs }];
  const [made] = await cluster.callController(CREATE_TOPICS, { timeoutMs: LIMITS.kafkaRequestTimeoutMs, topics });
  if (made?.errorCode !== 0) throw new Error(`no topic: ${made?.errorMessage}`);
  await untilServed(cluster, topic, partitions);
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  return {
    topic,
    url: `kafka://${brokers.map(({ host, port }) => `${host}:${port}`).join(",")}/${topic}`,
    async size() {
      await cluster.refresh();
      const ranges = await partitionRanges(cluster, all);
      return ranges.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
    },
    async lag(group) {
      await cluster.refresh();
      const [ranges, { offsets }] = await Promise.all([
        partitionRanges(cluster, all),
        callCoordinator(cluster, group, OFFSET_FETCH, group, ({ errorCode }) => [errorCode]),
      ]);
      return ranges.reduce((sum, { partition, endOffset }) => {
        const committed = offsets.find((one) => one.topic === topic && one.partition === partition)?.offset ?? 0;
        return sum + endOffset - Math.max(0, committed);
      }, 0);
    },
    async put(key, records) {
      const producer = new KafkaTopicProducer({ cluster: testCluster(brokers), topic, key, clock: systemClock });
      await producer.produce(Buffer.from(encodeRecordBatch(records)));
      producer.close();
    },
    close: () => cluster.close(),
  };
}

/** Leaders are known before they know it themselves. */
async function untilServed(cluster: KafkaCluster, topic: string, partitions: number): Promise<void> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  await whileLost(LIMITS.kafkaAppendTimeoutMs, async () => {
    await cluster.refresh();
    if (all.some(({ partition }) => cluster.leaderOf(topic, partition) === null)) {
      throw new MillraceError("LOG_LOST", `${topic} has no leader yet`);
    }
    await partitionRanges(cluster, all);
  });
}
