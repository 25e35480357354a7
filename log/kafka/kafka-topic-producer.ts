import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { INIT_PRODUCER_ID } from "../../wire/kafka/connection-apis.ts";
import { isSequenceLost, KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { PRODUCE } from "../../wire/kafka/produce.ts";
import { recordCountOf, stampRecordBatch } from "../../wire/record-batch-stamp.ts";
import { partitionCountOf } from "./topic-partitions.ts";
import type { Clock } from "../../core/clock.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { TopicProducer } from "../../core/topic-producer.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

export interface KafkaTopicProducerOptions {
  /** This producer's own: closed with it. */
  readonly cluster: KafkaCluster;
  readonly topic: string;
  /** Decides the partition, as Kafka's default partitioner does: all batches go to one. */
  readonly key: string;
  readonly clock: Clock;
}

/** Under which number the next batch goes. */
interface Sequence {
  readonly partition: number;
  readonly id: number;
  readonly epoch: number;
  next: number;
  /** Sent under `next`, and nobody knows whether it landed: another batch under that number may be taken for it and dropped. */
  unknown: Buffer | null;
}

const SEQUENCE_MASK = 0x7fffffff;
const LEADER_RETRY_MS = 250;
/** Answers after which the next attempt asks who leads first. */
const MOVED: readonly number[] = [KAFKA_ERROR.notLeaderOrFollower, KAFKA_ERROR.unknownTopicOrPartition];

/** What an answer means for who wants to append. Whatever is not named here may go well another time. */
const REFUSALS: ReadonlyMap<number, ErrorCode> = new Map([
  [KAFKA_ERROR.messageTooLarge, "BATCH_TOO_LARGE"],
  [KAFKA_ERROR.recordListTooLarge, "BATCH_TOO_LARGE"],
  [KAFKA_ERROR.invalidTimestamp, "INVALID_INPUT"],
  [KAFKA_ERROR.invalidRecord, "INVALID_INPUT"],
  [KAFKA_ERROR.policyViolation, "INVALID_INPUT"],
  [KAFKA_ERROR.topicAuthorizationFailed, "NOT_AUTHORIZED"],
  [KAFKA_ERROR.clusterAuthorizationFailed, "NOT_AUTHORIZED"],
]);

/**
 * Idempotent (KIP-98), with acks = all. A batch that is tried again goes under the same sequence number, so that the broker drops what it has;
 * another one after a failure goes as the first of a new producer.
 */
export class KafkaTopicProducer implements TopicProducer {
  readonly #options: KafkaTopicProducerOptions;
  #sequence: Sequence | null = null;
  #isStale = true;

  constructor(options: KafkaTopicProducerOptions) {
    this.#options = options;
    options.cluster.follow([options.topic]);
  }

  async produce(batch: Buffer): Promise<void> {
    // A leader that has just moved, and a producer that the broker has forgotten, are no reason to wait for long.
    if (await this.#attempt(batch)) return;
    await delay(LEADER_RETRY_MS);
    if (await this.#attempt(batch)) return;
    throw new MillraceError("LOG_LOST", `no broker that leads the partition of ${this.#options.topic} takes anything`);
  }

  close(): void {
    this.#options.cluster.close();
  }

  /** False when the leader has moved or does not know the sequence. */
  async #attempt(batch: Buffer): Promise<boolean> {
    const { cluster, topic, clock } = this.#options;
    const partition = await this.#partition();
    const sequence = await this.#sequenceFor(partition, batch);
    const { id, epoch, next } = sequence;
    const stamped = stampRecordBatch(batch, { id, epoch, sequence: next }, clock.now());
    const leader = cluster.leaderOf(topic, partition);
    if (leader === null) {
      this.#isStale = true;
      return false;
    }
    const request = { timeoutMs: LIMITS.kafkaRequestTimeoutMs, partitions: [{ topic, partition, batch: stamped }] };
    sequence.unknown = batch;
    try {
      const [produced] = await cluster.link(leader, "produce").call(PRODUCE, request);
      return this.#settle(sequence, batch, produced?.errorCode ?? KAFKA_ERROR.none, produced?.errorMessage ?? null);
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  #settle(sequence: Sequence, batch: Buffer, errorCode: number, errorMessage: string | null): boolean {
    if (errorCode === KAFKA_ERROR.none || errorCode === KAFKA_ERROR.duplicateSequence) {
      sequence.next = (sequence.next + recordCountOf(batch)) & SEQUENCE_MASK;
      sequence.unknown = null;
      return true;
    }
    this.#isStale = true;
    if (isSequenceLost(errorCode)) {
      this.#sequence = null;
      return false;
    }
    if (MOVED.includes(errorCode)) return false;
    const why = errorMessage === null ? kafkaErrorText(errorCode) : `${kafkaErrorText(errorCode)}: ${errorMessage}`;
    throw new MillraceError(REFUSALS.get(errorCode) ?? "LOG_IO", why);
  }

  async #partition(): Promise<number> {
    const { cluster, topic, key } = this.#options;
    if (this.#isStale) await cluster.refresh();
    const partition = partitionOf(key, partitionCountOf(cluster.metadata, topic));
    this.#isStale = false;
    return partition;
  }

  async #sequenceFor(partition: number, batch: Buffer): Promise<Sequence> {
    const known = this.#sequence;
    const isSame = known?.partition === partition && (known.unknown === null || known.unknown.equals(batch));
    if (known !== null && isSame) return known;
    const { errorCode, id, epoch } = await this.#options.cluster.callAny(INIT_PRODUCER_ID, null);
    if (errorCode !== KAFKA_ERROR.none) {
      throw new MillraceError(REFUSALS.get(errorCode) ?? "LOG_LOST", `no producer id: ${kafkaErrorText(errorCode)}`);
    }
    this.#sequence = { partition, id, epoch, next: 0, unknown: null };
    return this.#sequence;
  }
}
