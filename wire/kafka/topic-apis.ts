import { byTopic } from "./by-topic.ts";
import type { KafkaApi } from "./kafka-api.ts";

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** −1: the broker's default. */
  readonly replication: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface TopicResult {
  readonly topic: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** CreateTopics, at the controller. */
export const CREATE_TOPICS: KafkaApi<
  { readonly timeoutMs: number; readonly topics: readonly NewTopic[] },
  readonly TopicResult[]
> = {
  name: "CreateTopics",
  key: 19,
  version: 4,
  flexible: false,
  encode(writer, { timeoutMs, topics }) {
    writer.array(topics, ({ topic, partitions, replication, configs }) => {
      writer.string(topic).int32(partitions).int16(replication);
      writer.array([], () => undefined);
      writer.array(Object.entries(configs), ([name, value]) => writer.string(name).string(value));
    });
    writer.int32(timeoutMs).boolean(false);
  },
  decode(reader) {
    reader.int32();
    return reader.array(() => {
      return { topic: reader.string(), errorCode: reader.int16(), errorMessage: reader.nullableString() };
    });
  },
};

export interface DeletedRecords {
  readonly topic: string;
  readonly partition: number;
  /** The log's new start; −1 when there is an error. */
  readonly lowWatermark: number;
  readonly errorCode: number;
}

/** DeleteRecords, at the leader: everything before the offset. */
export const DELETE_RECORDS: KafkaApi<
  {
    readonly timeoutMs: number;
    readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[];
  },
  readonly DeletedRecords[]
> = {
  name: "DeleteRecords",
  key: 21,
  version: 1,
  flexible: false,
  encode(writer, { timeoutMs, partitions }) {
    writer.array([...byTopic(partitions)], ([topic, own]) => {
      writer.string(topic).array(own, ({ partition, offset }) => writer.int32(partition).int64(offset));
    });
    writer.int32(timeoutMs);
  },
  decode(reader) {
    reader.int32();
    return reader
      .array(() => {
        const topic = reader.string();
        return reader.array((): DeletedRecords => {
          return { topic, partition: reader.int32(), lowWatermark: reader.int64(), errorCode: reader.int16() };
        });
      })
      .flat();
  },
};
