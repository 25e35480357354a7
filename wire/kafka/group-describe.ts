import type { KafkaApi } from "./kafka-api.ts";
import type { KafkaReader } from "./kafka-reader.ts";

export interface DescribedMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly number[];
}

export interface DescribedGroup {
  readonly errorCode: number;
  readonly group: string;
  readonly members: readonly DescribedMember[];
}

/** ConsumerGroupDescribe (KIP-848): the members of one group whose members read one topic each. */
export const GROUP_DESCRIBE: KafkaApi<string, readonly DescribedGroup[]> = {
  name: "ConsumerGroupDescribe",
  key: 69,
  version: 0,
  flexible: true,
  encode(writer, group) {
    writer.compactArray([group], (one) => writer.compactString(one));
    writer.boolean(false).noTags();
  },
  decode(reader) {
    reader.int32();
    return (
      reader.compactArray((): DescribedGroup => {
        const errorCode = reader.int16();
        reader.compactString();
        const group = reader.compactString() ?? "";
        // Its state, its epochs and the assignor.
        reader.compactString();
        reader.int32();
        reader.int32();
        reader.compactString();
        const members = reader.compactArray(() => describedMember(reader)) ?? [];
        reader.int32();
        reader.skipTags();
        return { errorCode, group, members };
      }) ?? []
    );
  },
};

function describedMember(reader: KafkaReader): DescribedMember {
  const memberId = reader.compactString() ?? "";
  // Instance and rack.
  reader.compactString();
  reader.compactString();
  reader.int32();
  const clientId = reader.compactString() ?? "";
  const host = reader.compactString() ?? "";
  reader.compactArray(() => reader.compactString());
  reader.compactString();
  const partitions = assignedPartitions(reader);
  // What it is to have once others have given it up.
  assignedPartitions(reader);
  reader.skipTags();
  return { memberId, clientId, host, partitions };
}

function assignedPartitions(reader: KafkaReader): number[] {
  const topics = reader.compactArray(() => {
    reader.uuid();
    reader.compactString();
    const partitions = reader.compactArray(() => reader.int32()) ?? [];
    reader.skipTags();
    return partitions;
  });
  reader.skipTags();
  return (topics ?? []).flat();
}
