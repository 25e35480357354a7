import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { FETCH } from "../../wire/kafka/fetch.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { walkRecordBatches, type WalkedBatch } from "../../wire/record-batch-walk.ts";
import { isLost } from "./kafka-broker.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

const RETRY_MS = 100;

export interface RecordRange {
  /** As Kafka has it. */
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** The offset after the last one. */
  readonly to: number;
}

/**
 * The batches that hold the offsets of the range, in order; the first and the last may reach beyond it. Tries again while leaders move,
 * until the signal aborts (then LOG_LOST). OFFSET_OUT_OF_RANGE when the range is (partly) deleted.
 */
export async function* fetchBatches(
  cluster: KafkaCluster,
  { topic, partition, from, to }: RecordRange,
  signal: AbortSignal,
): AsyncGenerator<WalkedBatch> {
  for (let offset = from; offset < to;) {
    const batches = await fetchOnce(cluster, { topic, partition, from: offset, to });
    // Nothing comes where a leader has less than the one before.
    if (signal.aborted && (batches === null || batches.length === 0)) {
      throw new MillraceError("LOG_LOST", `${topic}/${partition} cannot be read from ${offset} to ${to}`);
    }
    if (batches === null) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      await cluster.refresh().catch(() => undefined);
      continue;
    }
    for (const batch of walkRecordBatches(batches)) {
      if (batch.nextOffset <= offset) continue;
      if (batch.baseOffset >= to) return;
      yield batch;
      offset = batch.nextOffset;
    }
  }
}

/** Null when it may go well another time. */
async function fetchOnce(cluster: KafkaCluster, range: RecordRange): Promise<Buffer | null> {
  const { topic, partition, from } = range;
  try {
    const [fetched] = await cluster.callLeader(topic, partition, FETCH, {
      waitMsMax: LIMITS.kafkaFetchWaitMsMax,
      bytesMax: LIMITS.fetchBytesMax,
      partitionBytesMax: LIMITS.fetchBytesMax,
      partitions: [{ topic, partition, offset: from }],
    });
    if (fetched?.errorCode === KAFKA_ERROR.offsetOutOfRange) {
      throw new MillraceError("OFFSET_OUT_OF_RANGE", `offset ${from} of ${topic}/${partition} is gone`);
    }
    if (fetched?.errorCode === KAFKA_ERROR.topicAuthorizationFailed) {
      throw new MillraceError("CONFIG_INVALID", `${topic} may not be read: ${kafkaErrorText(fetched.errorCode)}`);
    }
    return fetched?.errorCode === KAFKA_ERROR.none ? fetched.batches : null;
  } catch (error) {
    if (isLost(error)) return null;
    throw error;
  }
}
