import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { FETCH } from "../../wire/kafka/fetch.ts";
import { GROUP_HEARTBEAT } from "../../wire/kafka/group-heartbeat.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { LIST_OFFSETS } from "../../wire/kafka/list-offsets.ts";
import { METADATA } from "../../wire/kafka/metadata.ts";
import { FIND_COORDINATOR, MEMBER_OFFSET_COMMIT, OFFSET_FETCH } from "../../wire/kafka/offset-apis.ts";
import { callCoordinator } from "./call-coordinator.ts";
import { checkBrokers } from "./check-brokers.ts";
import { isOutside, KafkaGroupMember } from "./kafka-group-member.ts";
import { KafkaLogReader } from "./kafka-log-reader.ts";
import { partitionRanges } from "./kafka-status.ts";
import { topicNames } from "./topic-names.ts";
import { partitionCountOf } from "./topic-partitions.ts";
import type { LogReader } from "../../core/event-log.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { GroupPosition, OwnedPartition, OwnedPartitionListener } from "../../core/topic-consumer.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

export interface KafkaTopicConsumerOptions {
  /** This consumer's own: closed with it. */
  readonly cluster: KafkaCluster;
  readonly topic: string;
  readonly group: string;
  readonly listener: OwnedPartitionListener;
  readonly logger: Logger;
}

const SPOKEN = [FETCH, LIST_OFFSETS, METADATA, MEMBER_OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, GROUP_HEARTBEAT];
const STALE_ATTEMPTS = 10;
const STALE_RETRY_MS = 100;
/** As the topic is called, without a prefix. */
const NAMES = topicNames("");

/** A member of a consumer group on a topic that is not this installation's log: it knows its partitions, and keeps how far they are done with. */
export class KafkaTopicConsumer implements Service, Readiness {
  readonly #options: KafkaTopicConsumerOptions;
  readonly #member: KafkaGroupMember;
  #readers = 0;

  constructor(options: KafkaTopicConsumerOptions) {
    this.#options = options;
    const { cluster, topic, group, listener, logger } = options;
    this.#member = new KafkaGroupMember({
      cluster,
      topic,
      group,
      logger,
      memberId: "",
      listener: {
        take: async (partitions) => {
          for (const partition of partitions) listener.take(this.#owned(partition));
        },
        release: async (partitions) => {
          await Promise.all(partitions.map((partition) => listener.release(partition)));
        },
      },
    });
  }

  /**
   * Resolves when it is a member. UNKNOWN_TOPIC and NOT_AUTHORIZED: the topic is not there, or not for this user. CONFIG_INVALID: credentials,
   * TLS, or brokers that are too old. LOG_LOST and LOG_IO: the brokers are away, or do not let it into the group.
   */
  async start(): Promise<void> {
    const { cluster, topic } = this.#options;
    cluster.follow([topic]);
    await checkBrokers(cluster, SPOKEN);
    partitionCountOf(cluster.metadata, topic);
    await this.#member.start();
  }

  notReadyReasons(): readonly string[] {
    const { notReadyReason } = this.#member;
    return notReadyReason === null ? [] : [notReadyReason];
  }

  async stop(signal: AbortSignal): Promise<void> {
    await this.#member.stop(signal);
    this.#options.cluster.close();
  }

  #owned(partition: number): OwnedPartition {
    return {
      partition,
      position: () => this.#position(partition),
      openReader: (offset) => this.#openReader(partition, offset),
      commit: (nextOffset) => this.#commit(partition, nextOffset),
    };
  }

  async #position(partition: number): Promise<GroupPosition> {
    const { cluster, topic, group } = this.#options;
    const fetched = await callCoordinator(cluster, group, OFFSET_FETCH, group, ({ errorCode }) => [errorCode]);
    const own = fetched.offsets.find((one) => one.topic === topic && one.partition === partition);
    const errorCode = fetched.errorCode === KAFKA_ERROR.none ? (own?.errorCode ?? KAFKA_ERROR.none) : fetched.errorCode;
    if (errorCode !== KAFKA_ERROR.none) {
      throw new MillraceError("LOG_IO", `the group ${group} does not tell its offsets: ${kafkaErrorText(errorCode)}`);
    }
    if (cluster.leaderOf(topic, partition) === null) await cluster.refresh();
    const [range] = await partitionRanges(cluster, [{ topic, partition }]);
    const { startOffset = 0, endOffset = 0 } = range ?? {};
    return { committed: own === undefined || own.offset < 0 ? null : own.offset, startOffset, endOffset };
  }

  #openReader(partition: number, offset: number): LogReader {
    const { cluster, topic, logger } = this.#options;
    this.#readers += 1;
    return new KafkaLogReader(
      {
        cluster,
        names: { ...NAMES, topic: (name) => name },
        id: this.#readers,
        check: () => undefined,
        isForeign: true,
        onCorrupt: ({ damage, corrupt }) =>
          logger.error({ topic, partition, ...corrupt, err: damage }, "a batch cannot be read"),
      },
      [{ topic, partition, offset }],
    );
  }

  async #commit(partition: number, offset: number): Promise<void> {
    const { cluster, topic, group } = this.#options;
    const offsets = [{ topic, partition, offset, metadata: "" }];
    for (let attempt = 1; ; attempt += 1) {
      const request = { group, ...this.#member.identity, offsets };
      const results = await callCoordinator(cluster, group, MEMBER_OFFSET_COMMIT, request, (answer) =>
        answer.map(({ errorCode }) => errorCode),
      );
      const errorCode = results[0]?.errorCode ?? KAFKA_ERROR.none;
      if (errorCode === KAFKA_ERROR.none) return;
      // The epoch has grown, and the answer that tells it is on its way.
      if (errorCode === KAFKA_ERROR.staleMemberEpoch && attempt < STALE_ATTEMPTS) {
        await delay(STALE_RETRY_MS);
        continue;
      }
      const text = `the group ${group} does not keep the offset of ${topic}/${partition}: ${kafkaErrorText(errorCode)}`;
      throw new MillraceError(isOutside(errorCode) ? "JOURNAL_FENCED" : "LOG_IO", text);
    }
  }
}
