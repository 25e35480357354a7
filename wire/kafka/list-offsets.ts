import { byTopic } from "./by-topic.ts";
import type { KafkaApi } from "./kafka-api.ts";

/** Asked for in place of a timestamp. */
export const OFFSET_AT = { latest: -1, earliest: -2 } as const;

export interface ListOffsetsPartition {
  readonly topic: string;
  readonly partition: number;
  readonly timestamp: number;
}

export interface ListedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly offset: number;
}

/** ListOffsets, for consumers: the end is the high-water mark. */
export const LIST_OFFSETS: KafkaApi<readonly ListOffsetsPartition[], readonly ListedOffset[]> = {
  name: "ListOffsets",
  key: 2,
  version: 5,
  flexible: false,
  encode(writer, partitions) {
    writer.int32(-1).int8(0);
    writer.array([...byTopic(partitions)], ([topic, own]) => {
      writer.string(topic).array(own, ({ partition, timestamp }) => {
        writer.int32(partition).int32(-1).int64(timestamp);
      });
    });
  },
  decode(reader) {
    reader.int32();
    return reader
      .array(() => {
        const topic = reader.string();
        return reader.array((): ListedOffset => {
          const partition = reader.int32();
          const errorCode = reader.int16();
          reader.int64();
          const offset = reader.int64();
          reader.int32();
          return { topic, partition, errorCode, offset };
        });
      })
      .flat();
  },
};
