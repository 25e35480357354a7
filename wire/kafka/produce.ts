import { byTopic } from "./by-topic.ts";
import type { KafkaApi } from "./kafka-api.ts";

export interface ProducePartition {
  readonly topic: string;
  readonly partition: number;
  /** One record batch. */
  readonly batch: Uint8Array;
}

export interface ProduceRequest {
  readonly timeoutMs: number;
  /** Of one leader. Each topic-partition once. */
  readonly partitions: readonly ProducePartition[];
}

export interface ProducedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** −1 when there is an error. */
  readonly baseOffset: number;
  readonly errorMessage: string | null;
}

const ALL_IN_SYNC_REPLICAS = -1;

/** Produce, with acks = all. */
export const PRODUCE: KafkaApi<ProduceRequest, readonly ProducedPartition[]> = {
  name: "Produce",
  key: 0,
  version: 8,
  flexible: false,
  encode(writer, { timeoutMs, partitions }) {
    writer.string(null).int16(ALL_IN_SYNC_REPLICAS).int32(timeoutMs);
    writer.array([...byTopic(partitions)], ([topic, own]) => {
      writer.string(topic).array(own, ({ partition, batch }) => writer.int32(partition).bytesOf([batch]));
    });
  },
  decode: (reader) =>
    reader
      .array(() => {
        const topic = reader.string();
        return reader.array((): ProducedPartition => {
          const partition = reader.int32();
          const errorCode = reader.int16();
          const baseOffset = reader.int64();
          // Append time and the log's start.
          reader.int64();
          reader.int64();
          reader.array(() => [reader.int32(), reader.nullableString()]);
          return { topic, partition, errorCode, baseOffset, errorMessage: reader.nullableString() };
        });
      })
      .flat(),
};
