import type { TopicPartition, TopicPosition } from "../../core/event-log.ts";
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

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}
