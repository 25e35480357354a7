import { byTopic } from "./by-topic.ts";
import type { KafkaApi } from "./kafka-api.ts";

export interface Coordinator {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

const GROUP = 0;

/** FindCoordinator of a consumer group. */
export const FIND_COORDINATOR: KafkaApi<string, Coordinator> = {
  name: "FindCoordinator",
  key: 10,
  version: 2,
  flexible: false,
  encode: (writer, group) => void writer.string(group).int8(GROUP),
  decode(reader) {
    reader.int32();
    return {
      errorCode: reader.int16(),
      errorMessage: reader.nullableString(),
      id: reader.int32(),
      host: reader.string(),
      port: reader.int32(),
    };
  },
};

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export interface OffsetCommitResult {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
}

/** OffsetCommit from outside of the group's protocol: without members and generation, as admin tools do. */
export const OFFSET_COMMIT: KafkaApi<
  { readonly group: string; readonly offsets: readonly CommittedOffset[] },
  readonly OffsetCommitResult[]
> = {
  name: "OffsetCommit",
  key: 8,
  version: 7,
  flexible: false,
  encode(writer, { group, offsets }) {
    writer.string(group).int32(-1).string("").string(null);
    writer.array([...byTopic(offsets)], ([topic, own]) => {
      writer.string(topic).array(own, ({ partition, offset, metadata }) => {
        writer.int32(partition).int64(offset).int32(-1).string(metadata);
      });
    });
  },
  decode(reader) {
    reader.int32();
    return reader
      .array(() => {
        const topic = reader.string();
        return reader.array(() => ({ topic, partition: reader.int32(), errorCode: reader.int16() }));
      })
      .flat();
  },
};

/**
 * OffsetCommit of a member of the group (KIP-848): who has been given the partition's place meanwhile, or was, is refused. Flexible, because
 * members by that protocol are told to use nothing older.
 */
export const MEMBER_OFFSET_COMMIT: KafkaApi<
  {
    readonly group: string;
    readonly memberId: string;
    readonly memberEpoch: number;
    readonly offsets: readonly CommittedOffset[];
  },
  readonly OffsetCommitResult[]
> = {
  name: "OffsetCommit",
  key: 8,
  version: 9,
  flexible: true,
  encode(writer, { group, memberId, memberEpoch, offsets }) {
    writer.compactString(group).int32(memberEpoch).compactString(memberId).compactString(null);
    writer.compactArray([...byTopic(offsets)], ([topic, own]) => {
      writer.compactString(topic).compactArray(own, ({ partition, offset, metadata }) => {
        writer.int32(partition).int64(offset).int32(-1).compactString(metadata).noTags();
      });
      writer.noTags();
    });
    writer.noTags();
  },
  decode(reader) {
    reader.int32();
    const topics = reader.compactArray(() => {
      const topic = reader.compactString() ?? "";
      const partitions = reader.compactArray((): OffsetCommitResult => {
        const result = { topic, partition: reader.int32(), errorCode: reader.int16() };
        reader.skipTags();
        return result;
      });
      reader.skipTags();
      return partitions ?? [];
    });
    return (topics ?? []).flat();
  },
};

export interface FetchedOffset extends OffsetCommitResult {
  /** −1 when the group has committed none. */
  readonly offset: number;
  readonly metadata: string;
}

/** OffsetFetch of everything that the group has committed. */
export const OFFSET_FETCH: KafkaApi<
  string,
  { readonly errorCode: number; readonly offsets: readonly FetchedOffset[] }
> = {
  name: "OffsetFetch",
  key: 9,
  version: 5,
  flexible: false,
  encode: (writer, group) => void writer.string(group).int32(-1),
  decode(reader) {
    reader.int32();
    const offsets = reader
      .array(() => {
        const topic = reader.string();
        return reader.array((): FetchedOffset => {
          const partition = reader.int32();
          const offset = reader.int64();
          reader.int32();
          const metadata = reader.string();
          return { topic, partition, offset, metadata, errorCode: reader.int16() };
        });
      })
      .flat();
    return { offsets, errorCode: reader.int16() };
  },
};
