import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { silentLogger } from "../../../../core/logger.ts";
import { KafkaGroupMember } from "../../../../log/kafka/kafka-group-member.ts";
import { KAFKA_ERROR } from "../../../../wire/kafka/kafka-errors.ts";
import type { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import type { GroupHeartbeat, GroupHeartbeatAnswer, GroupPartitions } from "../../../../wire/kafka/group-heartbeat.ts";

const TOPIC_ID = "0".repeat(32);
const given = (...partitions: number[]): GroupPartitions[] => [{ topicId: TOPIC_ID, partitions }];

/** A coordinator that answers the heartbeat with this number, from 1 on, as `answerTo` says. */
function coordinator(answerTo: (beat: number) => Promise<Partial<GroupHeartbeatAnswer>>) {
  const heard: (readonly number[] | null)[] = [];
  const epochs: number[] = [];
  const link = {
    async call(_: unknown, { owned, memberEpoch }: GroupHeartbeat): Promise<GroupHeartbeatAnswer> {
      const beat = heard.push(owned === null ? null : owned.flatMap(({ partitions }) => [...partitions]));
      epochs.push(memberEpoch);
      const none = { errorCode: KAFKA_ERROR.none, errorMessage: null, memberId: "m", heartbeatMs: 10 };
      return { ...none, memberEpoch: 1, assignment: null, ...(await answerTo(beat)) };
    },
  };
  const brokers = { coordinators: new Map([["g", 1]]), metadata: { brokers: [{ id: 1 }] }, link: () => link };
  return { heard, epochs, cluster: brokers as unknown as KafkaCluster };
}

async function joined(cluster: KafkaCluster, release: () => Promise<void>): Promise<KafkaGroupMember> {
  const listener = { take: () => Promise.resolve(), release };
  const member = new KafkaGroupMember({
    cluster,
    group: "g",
    topic: "t",
    memberId: "",
    listener,
    logger: silentLogger,
  });
  await member.start();
  return member;
}

it("tells that it has given a partition up, also when that ends while a heartbeat is under way", async () => {
  const released = Promise.withResolvers<void>();
  const { heard, cluster } = coordinator(async (beat) => {
    if (beat === 1) return { assignment: given(0, 1) };
    if (beat === 3) return { assignment: given(0) };
    if (beat === 4) {
      released.resolve();
      await delay(50);
    }
    return {};
  });
  const member = await joined(cluster, () => released.promise);
  await expect.poll(() => heard.slice(4)).toContainEqual([0]);
  await member.stop(AbortSignal.abort());
});

it("joins anew when the group is not there any more", async () => {
  const { epochs, cluster } = coordinator((beat) =>
    Promise.resolve(beat === 3 ? { errorCode: KAFKA_ERROR.groupIdNotFound } : {}),
  );
  const member = await joined(cluster, () => Promise.resolve());
  await expect.poll(() => epochs.length).toBeGreaterThan(4);
  expect(epochs.slice(0, 5)).toEqual([0, 1, 1, 0, 1]);
  expect(member.notReadyReason).toBe(null);
  await member.stop(AbortSignal.abort());
});
