import type { PartitionStatus, TopicPartition, TopicPosition } from "../core/event-log.ts";

export interface FittedPositions {
  /** One per partition that was given. */
  readonly positions: readonly TopicPosition[];
  /** Records that retention deleted before they were read. */
  readonly missed: number;
}

/**
 * A reader's positions made to fit the log: partitions that it does not know begin at their start, what retention has passed is skipped
 * and counted. A position beyond the end is another log's (emptied, or restored from a backup): read from the start, the reader's marks
 * drop what is known.
 */
export function fitPositions(
  stored: readonly TopicPosition[],
  partitions: readonly PartitionStatus[],
): FittedPositions {
  const known = new Map(stored.map((position) => [keyOf(position), position.offset]));
  let missed = 0;
  const positions = partitions.map(({ topic, partition, startOffset, endOffset }) => {
    const offset = known.get(keyOf({ topic, partition })) ?? startOffset;
    if (offset < startOffset) missed += startOffset - offset;
    return { topic, partition, offset: offset >= startOffset && offset <= endOffset ? offset : startOffset };
  });
  return { positions, missed };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}
