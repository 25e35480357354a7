import { byTopic } from "./by-topic.ts";
import type { KafkaApi } from "./kafka-api.ts";

export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchRequest {
  /** The broker answers as soon as it has a byte, or after this. */
  readonly waitMsMax: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
  /** Of one leader. Those in front are filled first. */
  readonly partitions: readonly FetchPartition[];
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Whole batches, the last one perhaps cut short. The first may begin before the offset that was asked for. A view. */
  readonly batches: Buffer;
}

const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
const NO_SESSION = { id: 0, epoch: -1 };

/** Fetch without a session (KIP-227): the partitions are named every time. */
export const FETCH: KafkaApi<FetchRequest, readonly FetchedPartition[]> = {
  name: "Fetch",
  key: 1,
  version: 11,
  flexible: false,
  encode(writer, { waitMsMax, bytesMax, partitionBytesMax, partitions }) {
    writer.int32(CONSUMER).int32(waitMsMax).int32(1).int32(bytesMax).int8(READ_UNCOMMITTED);
    writer.int32(NO_SESSION.id).int32(NO_SESSION.epoch);
    writer.array([...byTopic(partitions)], ([topic, own]) => {
      writer.string(topic).array(own, ({ partition, offset }) => {
        // No leader epoch is known, and the log's start is a follower's business.
        writer.int32(partition).int32(-1).int64(offset).int64(-1).int32(partitionBytesMax);
      });
    });
    writer.array([], () => undefined).string("");
  },
  decode(reader) {
    reader.int32();
    const errorCode = reader.int16();
    reader.int32();
    return reader
      .array(() => {
        const topic = reader.string();
        return reader.array((): FetchedPartition => {
          const partition = reader.int32();
          const ownError = reader.int16();
          const highWatermark = reader.int64();
          reader.int64();
          reader.int64();
          reader.array(() => [reader.int64(), reader.int64()]);
          reader.int32();
          const batches = reader.bytesOf();
          return { topic, partition, errorCode: ownError === 0 ? errorCode : ownError, highWatermark, batches };
        });
      })
      .flat();
  },
};
