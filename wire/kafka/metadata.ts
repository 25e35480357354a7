import type { KafkaApi } from "./kafka-api.ts";

export interface KafkaBroker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly errorCode: number;
  readonly partition: number;
  /** Broker id; −1 while there is none. */
  readonly leader: number;
  readonly replicas: number;
}

export interface TopicMetadata {
  readonly errorCode: number;
  readonly topic: string;
  readonly partitions: readonly PartitionMetadata[];
}

export interface ClusterMetadata {
  readonly brokers: readonly KafkaBroker[];
  readonly clusterId: string | null;
  readonly controller: number;
  readonly topics: readonly TopicMetadata[];
}

/** Metadata of the named topics, or of all that may be seen. Creates none. */
export const METADATA: KafkaApi<readonly string[] | null, ClusterMetadata> = {
  name: "Metadata",
  key: 3,
  version: 8,
  flexible: false,
  encode(writer, topics) {
    if (topics === null) writer.int32(-1);
    else writer.array(topics, (topic) => writer.string(topic));
    writer.boolean(false).boolean(false).boolean(false);
  },
  decode(reader) {
    reader.int32();
    const brokers = reader.array((): KafkaBroker => {
      const broker = { id: reader.int32(), host: reader.string(), port: reader.int32() };
      reader.nullableString();
      return broker;
    });
    const clusterId = reader.nullableString();
    const controller = reader.int32();
    const topics = reader.array((): TopicMetadata => {
      const errorCode = reader.int16();
      const topic = reader.string();
      reader.boolean();
      const partitions = reader.array((): PartitionMetadata => {
        const ownError = reader.int16();
        const partition = reader.int32();
        const leader = reader.int32();
        reader.int32();
        const replicas = reader.array(() => reader.int32()).length;
        reader.array(() => reader.int32());
        reader.array(() => reader.int32());
        return { errorCode: ownError, partition, leader, replicas };
      });
      reader.int32();
      return { errorCode, topic, partitions };
    });
    return { brokers, clusterId, controller, topics };
  },
};
