import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { CREATE_TOPICS, type NewTopic } from "../../wire/kafka/topic-apis.ts";
import { partitionRanges } from "./kafka-status.ts";
import { whileLost } from "./while-lost.ts";
import type { ClusterMetadata } from "../../wire/kafka/metadata.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

export interface WantedTopic {
  readonly topic: string;
  /** Where one is wanted more do no harm: nothing is kept in them. */
  readonly partitions: number;
  /** True where those behind them do no harm. */
  readonly mayHaveMore?: boolean;
  /** Of one record batch. */
  readonly batchBytesMax: number;
  /** Of a segment: what is deleted leaves the disk by segments. */
  readonly segmentBytes: number;
}

export interface TopicPolicy {
  /** Copies of every partition; null for the brokers' default. */
  readonly replication: number | null;
  /** False where an administrator makes the topics. */
  readonly create: boolean;
}

const FOREVER = "9223372036854775807";
const LEADERS_TIMEOUT_MS = 30_000;

/**
 * Sees to it that the topics are there with the partitions that are wanted. Looks at all before it makes any. CONFIG_INVALID when one
 * has other partitions, or is missing and may not be made.
 */
export async function prepareTopics(
  cluster: KafkaCluster,
  wanted: readonly WantedTopic[],
  policy: TopicPolicy,
): Promise<void> {
  cluster.follow(wanted.map(({ topic }) => topic));
  const missing = missingTopics(await cluster.refresh(), wanted);
  if (missing.length > 0) {
    if (!policy.create) throw notToBeMade(missing);
    await createTopics(cluster, missing, policy);
  }
  const deadline = performance.now() + LEADERS_TIMEOUT_MS;
  while (!haveLeaders(await cluster.refresh(), wanted)) {
    if (performance.now() > deadline) {
      throw new MillraceError("LOG_LOST", "some partitions of the log have no leader", {
        remedy: "Look whether all Kafka brokers run.",
      });
    }
    await delay(100);
  }
  await untilServed(cluster, wanted, deadline);
}

/** Of new partitions, and after a broker has started, the others know the leader before it knows itself: until it answers. */
async function untilServed(cluster: KafkaCluster, topics: readonly WantedTopic[], deadline: number): Promise<void> {
  const all = topics.flatMap(({ topic, partitions }) => {
    return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  });
  await whileLost(deadline - performance.now(), () => partitionRanges(cluster, all));
}

function missingTopics({ topics }: ClusterMetadata, wanted: readonly WantedTopic[]): WantedTopic[] {
  const known = new Map(topics.map((topic) => [topic.topic, topic]));
  return wanted.filter((one) => {
    const { topic, partitions } = one;
    const found = known.get(topic);
    if (found === undefined || found.errorCode === KAFKA_ERROR.unknownTopicOrPartition) return true;
    if (found.errorCode === KAFKA_ERROR.topicAuthorizationFailed) {
      throw new MillraceError("CONFIG_INVALID", `the Kafka topic ${topic} may not be used`, {
        remedy: "Give the user READ, WRITE, DESCRIBE, CREATE and DELETE on the topics with the prefix.",
      });
    }
    if (found.partitions.length !== 0 && !isRightNumber(found.partitions.length, one)) {
      const text = `the Kafka topic ${topic} has ${found.partitions.length} partitions, but ${partitions} are configured`;
      throw new MillraceError("CONFIG_INVALID", text, {
        remedy: `Set MILLRACE_PARTITIONS=${found.partitions.length}: the number is fixed for the life of an installation.`,
      });
    }
    return false;
  });
}

function isRightNumber(found: number, { partitions, mayHaveMore = false }: WantedTopic): boolean {
  return found === partitions || (mayHaveMore && found > partitions);
}

function haveLeaders({ topics }: ClusterMetadata, wanted: readonly WantedTopic[]): boolean {
  const known = new Map(topics.map((topic) => [topic.topic, topic.partitions]));
  return wanted.every((one) => {
    const found = known.get(one.topic) ?? [];
    return isRightNumber(found.length, one) && found.every(({ leader }) => leader >= 0);
  });
}

async function createTopics(
  cluster: KafkaCluster,
  missing: readonly WantedTopic[],
  { replication }: TopicPolicy,
): Promise<void> {
  const topics = missing.map(({ topic, partitions, batchBytesMax, segmentBytes }): NewTopic => {
    return { topic, partitions, replication: replication ?? -1, configs: configsOf(batchBytesMax, segmentBytes) };
  });
  const results = await cluster.callController(CREATE_TOPICS, { timeoutMs: LIMITS.kafkaRequestTimeoutMs, topics });
  for (const { topic, errorCode, errorMessage } of results) {
    // Somebody else of the installation was faster.
    if (errorCode === KAFKA_ERROR.none || errorCode === KAFKA_ERROR.topicAlreadyExists) continue;
    const why = errorMessage?.replace(/\.$/, "") ?? kafkaErrorText(errorCode);
    throw new MillraceError("CONFIG_INVALID", `the Kafka topic ${topic} cannot be made: ${why}`, {
      remedy: "Check MILLRACE_KAFKA_REPLICATION against the number of brokers, and that the user may create topics.",
    });
  }
}

/** Kafka deletes nothing by itself: what may go depends on who has read it. */
function configsOf(batchBytesMax: number, segmentBytes: number): Record<string, string> {
  return {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": String(batchBytesMax),
    "segment.bytes": String(segmentBytes),
    "message.timestamp.type": "CreateTime",
    // A gateway whose clock is wrong must not lose its messages.
    "message.timestamp.after.max.ms": FOREVER,
    "message.timestamp.before.max.ms": FOREVER,
  };
}

function notToBeMade(missing: readonly WantedTopic[]): MillraceError {
  const names = missing
    .map(({ topic, partitions }) => `${topic} (${partitions} partition${partitions === 1 ? "" : "s"})`)
    .join(", ");
  return new MillraceError("CONFIG_INVALID", `Kafka topics are missing, and making them is forbidden: ${names}`, {
    remedy: "Create them as docs/operating.md says, or set MILLRACE_KAFKA_CREATE_TOPICS=1.",
  });
}
