import { MillraceError } from "../../core/errors.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import type { ClusterMetadata } from "../../wire/kafka/metadata.ts";

/** How many partitions somebody's topic has. UNKNOWN_TOPIC, NOT_AUTHORIZED, or LOG_LOST when the brokers do not say. */
export function partitionCountOf({ topics }: ClusterMetadata, topic: string): number {
  const found = topics.find((one) => one.topic === topic);
  const errorCode = found?.errorCode ?? KAFKA_ERROR.unknownTopicOrPartition;
  if (found !== undefined && errorCode === KAFKA_ERROR.none && found.partitions.length > 0)
    return found.partitions.length;
  const why = `the topic ${topic}: ${kafkaErrorText(errorCode)}`;
  if (errorCode === KAFKA_ERROR.unknownTopicOrPartition) throw new MillraceError("UNKNOWN_TOPIC", why);
  if (errorCode === KAFKA_ERROR.topicAuthorizationFailed) throw new MillraceError("NOT_AUTHORIZED", why);
  throw new MillraceError("LOG_LOST", why);
}
