import type { JournalStatus } from "../core/event-log.ts";
import type { LogTopology } from "./topology.ts";

/** Retention's view: the lowest position per topic-partition, Infinity where nobody reads; or who has told none yet. */
export type PositionFloors = { readonly missing: string } | { readonly floors: Float64Array };

/** Names of journals that retention must never pass: from the beginning, or from when they have told a position. */
export interface RetainingJournals {
  readonly required: readonly string[];
  readonly isOnceBegun?: (journal: string) => boolean;
}

/**
 * A name counts for all partitions of every topic that one of its journals reads: a partition that has told no position is at its
 * beginning.
 */
export function positionFloors(
  topology: LogTopology,
  { required, isOnceBegun = () => false }: RetainingJournals,
  journals: readonly JournalStatus[],
): PositionFloors {
  const floors = new Float64Array(topology.size).fill(Number.POSITIVE_INFINITY);
  const onceBegun = journals.map(({ name }) => name).filter(isOnceBegun);
  for (const name of new Set([...required, ...onceBegun])) {
    const own = new Float64Array(topology.size).fill(Number.POSITIVE_INFINITY);
    const topics = new Set<string>();
    for (const { positions } of journals.filter((journal) => journal.name === name)) {
      for (const { topic, partition, offset } of positions) {
        const index = topology.indexOf(topic, partition);
        own[index] = Math.min(own[index] ?? offset, offset);
        topics.add(topic);
      }
    }
    if (topics.size === 0 && required.includes(name)) return { missing: name };
    for (const topic of topics) {
      const from = topology.indexOf(topic, 0);
      for (let index = from; index < from + topology.partitionCount; index++) {
        const position = own[index] ?? Number.POSITIVE_INFINITY;
        floors[index] = Math.min(floors[index] ?? position, position === Number.POSITIVE_INFINITY ? 0 : position);
      }
    }
  }
  return { floors };
}
