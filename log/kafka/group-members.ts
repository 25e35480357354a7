import { GROUP_DESCRIBE } from "../../wire/kafka/group-describe.ts";
import { callCoordinator } from "./call-coordinator.ts";
import type { GroupMember } from "../../core/consumer-group.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

/** The members of a group, as its coordinator knows them. Empty for a group that nobody has joined yet. */
export async function groupMembers(cluster: KafkaCluster, group: string): Promise<GroupMember[]> {
  const groups = await callCoordinator(cluster, group, GROUP_DESCRIBE, group, (answer) =>
    answer.map(({ errorCode }) => errorCode),
  );
  return groups.flatMap(({ members }) =>
    members.map(({ memberId, clientId, partitions }) => ({ id: memberId, label: clientId, partitions })),
  );
}
