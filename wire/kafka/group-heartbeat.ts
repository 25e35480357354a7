import type { KafkaApi } from "./kafka-api.ts";

export interface GroupHeartbeat {
  readonly group: string;
  /** Empty with the first one: the coordinator gives an id. */
  readonly memberId: string;
  /** 0 joins, −1 leaves, else as the coordinator said. */
  readonly memberEpoch: number;
  /** How long the member may take to give partitions up, ms. */
  readonly rebalanceTimeoutMs: number;
  /** Null when it has not changed. */
  readonly topics: readonly string[] | null;
  /** What the member has. Null when it has not changed. */
  readonly owned: readonly GroupPartitions[] | null;
}

export interface GroupPartitions {
  /** 32 hexadecimal digits. */
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export interface GroupHeartbeatAnswer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatMs: number;
  /** What the member is to have. Null when that has not changed. */
  readonly assignment: readonly GroupPartitions[] | null;
}

/** ConsumerGroupHeartbeat (KIP-848): the coordinator assigns, and takes away before it gives. */
export const GROUP_HEARTBEAT: KafkaApi<GroupHeartbeat, GroupHeartbeatAnswer> = {
  name: "ConsumerGroupHeartbeat",
  key: 68,
  version: 0,
  flexible: true,
  encode(writer, { group, memberId, memberEpoch, rebalanceTimeoutMs, topics, owned }) {
    writer.compactString(group).compactString(memberId).int32(memberEpoch);
    // Neither a static member nor a rack.
    writer.compactString(null).compactString(null).int32(rebalanceTimeoutMs);
    writer.compactArray(topics, (topic) => writer.compactString(topic));
    writer.compactString(null);
    writer.compactArray(owned, ({ topicId, partitions }) => {
      writer.uuid(topicId).compactArray(partitions, (partition) => writer.int32(partition));
      writer.noTags();
    });
    writer.noTags();
  },
  decode(reader) {
    reader.int32();
    const errorCode = reader.int16();
    const errorMessage = reader.compactString();
    const memberId = reader.compactString() ?? "";
    const memberEpoch = reader.int32();
    const heartbeatMs = reader.int32();
    const isAssigned = reader.int8() >= 0;
    const assignment = isAssigned
      ? (reader.compactArray((): GroupPartitions => {
          const topicId = reader.uuid();
          const partitions = reader.compactArray(() => reader.int32()) ?? [];
          reader.skipTags();
          return { topicId, partitions };
        }) ?? [])
      : null;
    return { errorCode, errorMessage, memberId, memberEpoch, heartbeatMs, assignment };
  },
};
