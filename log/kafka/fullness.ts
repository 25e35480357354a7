import { z } from "zod";
import { parseJson } from "../../core/parse-json.ts";
import { OFFSET_COMMIT, OFFSET_FETCH } from "../../wire/kafka/offset-apis.ts";
import { callCoordinator } from "./call-coordinator.ts";
import { RETENTION_JOURNAL } from "./kafka-retention.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";
import type { TopicNames } from "./topic-names.ts";

/**
 * How full the log is, as who keeps its retention reckons: all processes go by that one figure, or one would refuse appends while the other
 * sees no reason to delete anything. It stands as the metadata of an offset of the retention's group.
 */
const fullnessSchema = z.object({ bytes: z.number(), heldBy: z.string().nullable() });
export type Fullness = z.infer<typeof fullnessSchema>;

export async function tellFullness(cluster: KafkaCluster, names: TopicNames, fullness: Fullness): Promise<void> {
  const { name, partition } = RETENTION_JOURNAL;
  const group = names.group(name);
  const metadata = JSON.stringify(fullness);
  const offsets = [{ topic: names.journal(name), partition, offset: 0, metadata }];
  await callCoordinator(cluster, group, OFFSET_COMMIT, { group, offsets }, (results) =>
    results.map(({ errorCode }) => errorCode),
  );
}

/** Null when nobody has told anything yet. */
export async function readFullness(cluster: KafkaCluster, names: TopicNames): Promise<Fullness | null> {
  const group = names.group(RETENTION_JOURNAL.name);
  const { offsets } = await callCoordinator(cluster, group, OFFSET_FETCH, group, ({ errorCode }) => [errorCode]);
  const [told] = offsets.filter(({ offset }) => offset >= 0);
  if (told === undefined) return null;
  return fullnessSchema.safeParse(parseJson(told.metadata)).data ?? null;
}
