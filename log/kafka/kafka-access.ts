import { setImmediate as nextTurn } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { DELETE_RECORDS } from "../../wire/kafka/topic-apis.ts";
import { fetchBatches } from "./fetch-records.ts";
import { partitionRanges, partitionStarts, type PartitionRange } from "./kafka-status.ts";
import type { TopicPartition, TopicPosition } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";
import type { KafkaProducer } from "./kafka-producer.ts";

/** What is done with single topic-partitions, by Kafka's topic names. */
export class KafkaAccess {
  readonly cluster: KafkaCluster;
  readonly producer: KafkaProducer;
  private readonly stopping: AbortSignal;
  /** Partitions whose start is asked for in this turn. */
  private asking: { readonly partitions: TopicPartition[]; readonly answer: Promise<number[]> } | null = null;

  constructor(cluster: KafkaCluster, producer: KafkaProducer, stopping: AbortSignal) {
    this.cluster = cluster;
    this.producer = producer;
    this.stopping = stopping;
  }

  append(topic: string, partition: number, record: RecordInput): Promise<number> {
    return this.producer.append(topic, partition, [record], record.value.length);
  }

  read(topic: string, partition: number, from: number, to: number): AsyncIterable<WalkedBatch> {
    const signal = AbortSignal.any([this.stopping, AbortSignal.timeout(LIMITS.kafkaAppendTimeoutMs)]);
    return fetchBatches(this.cluster, { topic, partition, from, to }, signal);
  }

  ranges(partitions: readonly TopicPartition[]): Promise<PartitionRange[]> {
    return partitionRanges(this.cluster, partitions);
  }

  /** The first offset that is kept. Who restores many partitions asks for all of them at once, one by one: that goes as one request. */
  async start(topic: string, partition: number): Promise<number> {
    this.asking ??= this.askSoon();
    const { partitions, answer } = this.asking;
    const at = partitions.push({ topic, partition }) - 1;
    return (await answer)[at] ?? 0;
  }

  private askSoon() {
    const partitions: TopicPartition[] = [];
    const answer = nextTurn().then(() => {
      this.asking = null;
      return partitionStarts(this.cluster, partitions);
    });
    return { partitions, answer };
  }

  async range(topic: string, partition: number): Promise<PartitionRange> {
    const [range] = await this.ranges([{ topic, partition }]);
    return range ?? { topic, partition, startOffset: 0, endOffset: 0 };
  }

  /** Deletes what lies before the offsets. */
  async deleteBefore(positions: readonly TopicPosition[]): Promise<void> {
    const byLeader = Map.groupBy(positions, ({ topic, partition }) => this.cluster.leaderOf(topic, partition) ?? -1);
    for (const [leader, partitions] of byLeader) {
      const link = this.cluster.link(leader, "control");
      const deleted = await link.call(DELETE_RECORDS, { timeoutMs: LIMITS.kafkaRequestTimeoutMs, partitions });
      for (const { topic, partition, errorCode } of deleted) {
        // Somebody has deleted more than that.
        if (errorCode === KAFKA_ERROR.none || errorCode === KAFKA_ERROR.offsetOutOfRange) continue;
        const text = `records of ${topic}/${partition} cannot be deleted: ${kafkaErrorText(errorCode)}`;
        throw new MillraceError("LOG_IO", text);
      }
    }
  }
}
