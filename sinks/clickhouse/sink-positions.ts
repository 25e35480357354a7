import { STORED_TOPICS } from "./rows/encoder-of-topic.ts";
import type { LogStatus, TopicPosition } from "../../core/event-log.ts";
import type { OffsetRange } from "./insert-batch.ts";

/** Where each partition of the stored topics is to be read next. */
export class SinkPositions {
  readonly #positions: Map<string, TopicPosition>;

  constructor(positions: readonly TopicPosition[]) {
    this.#positions = new Map(positions.map((position) => [keyOf(position), position]));
  }

  offset(topic: string, partition: number): number {
    return this.#positions.get(keyOf({ topic, partition }))?.offset ?? 0;
  }

  advance(ranges: readonly Pick<OffsetRange, "topic" | "partition" | "to">[]): void {
    for (const { topic, partition, to } of ranges) {
      this.#positions.set(keyOf({ topic, partition }), { topic, partition, offset: to });
    }
  }

  list(): readonly TopicPosition[] {
    return [...this.#positions.values()];
  }

  copy(): SinkPositions {
    return new SinkPositions(this.list());
  }
}

function keyOf({ topic, partition }: Pick<TopicPosition, "topic" | "partition">): string {
  return `${topic} ${partition}`;
}

export interface FittedPositions {
  readonly positions: SinkPositions;
  /** Records that retention deleted before they were read. */
  readonly missed: number;
}

/**
 * Stored positions made to fit the log: new partitions begin at their start, what retention has passed is skipped and counted. A
 * position beyond the end is another log's (restored from a backup): read from the start, the marks drop what is known.
 */
export function fitPositions(stored: readonly TopicPosition[], status: LogStatus): FittedPositions {
  const known = new Map(stored.map((position) => [keyOf(position), position.offset]));
  let missed = 0;
  const fitted = status.partitions
    .filter(({ topic }) => STORED_TOPICS.includes(topic))
    .map(({ topic, partition, startOffset, endOffset }) => {
      const offset = known.get(keyOf({ topic, partition })) ?? startOffset;
      if (offset < startOffset) missed += startOffset - offset;
      return { topic, partition, offset: offset >= startOffset && offset <= endOffset ? offset : startOffset };
    });
  return { positions: new SinkPositions(fitted), missed };
}
