import { MillraceError } from "../../core/errors.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { LIST_OFFSETS, OFFSET_AT, type ListedOffset } from "../../wire/kafka/list-offsets.ts";
import { isLost } from "./kafka-broker.ts";
import type { TopicPartition } from "../../core/event-log.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

export interface PartitionRange extends TopicPartition {
  readonly startOffset: number;
  readonly endOffset: number;
}

const ATTEMPTS = 3;
const RETRY_MS = 200;

/** Where partitions (Kafka's topic names) begin and end, in the order of `partitions`. LOG_LOST when leaders are away. */
export function partitionRanges(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
): Promise<PartitionRange[]> {
  return whileMoving(cluster, async () => {
    // Starts first: an end is never before a start that was seen earlier.
    const starts = await listAll(cluster, partitions, OFFSET_AT.earliest);
    const ends = await listAll(cluster, partitions, OFFSET_AT.latest);
    return partitions.map(({ topic, partition }) => {
      const key = `${topic}/${partition}`;
      return { topic, partition, startOffset: starts.get(key) ?? 0, endOffset: ends.get(key) ?? 0 };
    });
  });
}

/** Where they begin, in their order. LOG_LOST likewise. */
export function partitionStarts(cluster: KafkaCluster, partitions: readonly TopicPartition[]): Promise<number[]> {
  return whileMoving(cluster, async () => {
    const starts = await listAll(cluster, partitions, OFFSET_AT.earliest);
    return partitions.map(({ topic, partition }) => starts.get(`${topic}/${partition}`) ?? 0);
  });
}

/** Again while leaders move. */
async function whileMoving<T>(cluster: KafkaCluster, ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === ATTEMPTS || !isLost(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      await cluster.refresh().catch(() => undefined);
    }
  }
}

async function listAll(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  timestamp: number,
): Promise<Map<string, number>> {
  const byLeader = Map.groupBy(partitions, ({ topic, partition }) => cluster.leaderOf(topic, partition) ?? -1);
  const answers = await Promise.all(
    [...byLeader].map(([leader, own]) => {
      const asked = own.map(({ topic, partition }) => ({ topic, partition, timestamp }));
      return cluster.link(leader, "control").call(LIST_OFFSETS, asked);
    }),
  );
  return new Map(answers.flat().map(checkedOffset));
}

function checkedOffset({ topic, partition, errorCode, offset }: ListedOffset): [string, number] {
  if (errorCode === KAFKA_ERROR.none) return [`${topic}/${partition}`, offset];
  throw new MillraceError("LOG_LOST", `${topic}/${partition} does not tell its offsets: ${kafkaErrorText(errorCode)}`);
}
