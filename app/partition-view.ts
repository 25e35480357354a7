import { JOURNALS } from "./journals.ts";
import { stageJournalName } from "../core/stage.ts";
import { stagesOf } from "./stages.ts";
import type { Clock } from "../core/clock.ts";
import type { ConsumerGroups, GroupMember } from "../core/consumer-group.ts";
import { mainStage } from "../processors/main-stage.ts";
import type { JournalStatus, LogInspector, LogStatus } from "../core/event-log.ts";
import type { ConsumedPartition, ConsumerView, PartitionView } from "../core/partition-view.ts";

/** Who works on what: positions and ends from the log, owners from the groups that deal the journals' partitions out. */
export async function partitionView(log: LogInspector, groups: ConsumerGroups, clock: Clock): Promise<PartitionView> {
  const status = await log.status();
  const stages = stagesOf(status).map(({ name }) => stageJournalName(name));
  const isForwarded = status.journals.some(({ name }) => name === JOURNALS.forward);
  const names = [...stages, JOURNALS.clickhouse, JOURNALS.notify, ...(isForwarded ? [JOURNALS.forward] : [])];
  const members = await Promise.all(names.map((name) => groups.members(name)));
  const ends = new Map(status.partitions.map((p) => [`${p.topic}/${p.partition}`, p.endOffset]));
  const consumers = names.map((name, at): ConsumerView => {
    const own = members[at] ?? [];
    const journals = status.journals.filter((journal) => journal.name === name);
    const known = journals.flatMap((journal) => consumedBy(journal, ends, ownerOf(own, journal.partition)));
    const begun = new Set(known.map(({ partition }) => partition));
    const untouched = name === JOURNALS.stage ? untouchedBy(status, begun, own) : [];
    const partitions = [...known, ...untouched].toSorted(
      (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition,
    );
    return { name, members: own.map(({ id, label }) => ({ id, label })), partitions };
  });
  return { at: clock.now(), consumers };
}

/** Partitions of the stage's input of which nothing has been worked yet. */
function untouchedBy(
  { partitions }: LogStatus,
  begun: ReadonlySet<number>,
  members: readonly GroupMember[],
): ConsumedPartition[] {
  return partitions
    .filter(({ topic, partition }) => topic === mainStage.input && !begun.has(partition))
    .map(({ topic, partition, startOffset: position, endOffset }) => {
      return { topic, partition, position, endOffset, lag: endOffset - position, owner: ownerOf(members, partition) };
    });
}

function ownerOf(members: readonly GroupMember[], partition: number): string | null {
  return members.find(({ partitions }) => partitions.includes(partition))?.id ?? null;
}

function consumedBy(
  { positions }: JournalStatus,
  ends: ReadonlyMap<string, number>,
  owner: string | null,
): ConsumedPartition[] {
  return positions.map(({ topic, partition, offset }) => {
    const endOffset = ends.get(`${topic}/${partition}`) ?? offset;
    return { topic, partition, position: offset, endOffset, lag: Math.max(0, endOffset - offset), owner };
  });
}
