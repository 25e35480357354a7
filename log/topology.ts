import { MillraceError } from "../core/errors.ts";
import type { TopicPartition } from "../core/event-log.ts";

/**
 * Numbers the topic-partitions of one log: `topic id × partitions + partition`. Topic ids are positions in the list that the log's
 * metadata keeps, so they never change while the log lives.
 */
export class LogTopology {
  readonly topics: readonly string[];
  readonly partitionCount: number;
  /** Topic-partitions in all. */
  readonly size: number;
  private readonly topicIds: ReadonlyMap<string, number>;

  constructor(topics: readonly string[], partitionCount: number) {
    this.topics = topics;
    this.partitionCount = partitionCount;
    this.size = topics.length * partitionCount;
    this.topicIds = new Map(topics.map((topic, id) => [topic, id]));
  }

  /** UNKNOWN_TOPIC when the log has no such topic or partition. */
  indexOf(topic: string, partition: number): number {
    const id = this.topicIds.get(topic);
    if (id === undefined) throw new MillraceError("UNKNOWN_TOPIC", `the log has no topic "${topic}"`);
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitionCount) {
      throw new MillraceError(
        "UNKNOWN_TOPIC",
        `${topic} has the partitions 0–${this.partitionCount - 1}, not ${partition}`,
      );
    }
    return id * this.partitionCount + partition;
  }

  topicPartition(index: number): TopicPartition {
    const partition = index % this.partitionCount;
    return { topic: this.topics[(index - partition) / this.partitionCount] ?? "", partition };
  }

  /** `telemetry/3`, for messages. */
  label(index: number): string {
    const { topic, partition } = this.topicPartition(index);
    return `${topic}/${partition}`;
  }
}
