import { LIMITS } from "../../core/limits.ts";
import { RETENTION_JOURNAL } from "./kafka-retention.ts";
import { prepareTopics, type TopicPolicy, type WantedTopic } from "./kafka-topics.ts";
import type { JournalId } from "../../core/event-log.ts";
import type { LogTopology } from "../topology.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";
import type { TopicNames } from "./topic-names.ts";

const TOPIC_SEGMENT_BYTES = 1024 ** 3;
/** What a snapshot replaces leaves the disk by segments. */
const JOURNAL_SEGMENT_BYTES = 128 * 1024 ** 2;

export interface LogTopicsOptions {
  readonly cluster: KafkaCluster;
  readonly topology: LogTopology;
  readonly names: TopicNames;
  readonly policy: TopicPolicy;
}

/** The topics that a log needs on Kafka, made when they are not there. */
export class LogTopics {
  private readonly options: LogTopicsOptions;
  private readonly journals = new Map<string, Promise<void>>();

  constructor(options: LogTopicsOptions) {
    this.options = options;
  }

  /** Those that every log has, and others: all at once, so that none is made when one is not as it has to be. */
  async prepare(others: readonly WantedTopic[]): Promise<void> {
    const { cluster, topology, names, policy } = this.options;
    const topics = topology.topics.map((topic) => ({
      topic: names.topic(topic),
      partitions: topology.partitionCount,
      batchBytesMax: LIMITS.topicBatchBytesMax,
      segmentBytes: TOPIC_SEGMENT_BYTES,
    }));
    await prepareTopics(cluster, [...topics, ...others, this.journalTopic(RETENTION_JOURNAL)], policy);
    this.journals.set(RETENTION_JOURNAL.name, Promise.resolve());
  }

  /** Once per journal; a failure is tried again with the next call. */
  prepareJournal(id: JournalId): Promise<void> {
    const { cluster, policy } = this.options;
    const known = this.journals.get(id.name);
    if (known !== undefined) return known;
    const prepared = prepareTopics(cluster, [this.journalTopic(id)], policy).catch((error: unknown) => {
      this.journals.delete(id.name);
      throw error;
    });
    this.journals.set(id.name, prepared);
    return prepared;
  }

  private journalTopic({ name }: JournalId): WantedTopic {
    const { names, topology } = this.options;
    return {
      topic: names.journal(name),
      partitions: name === RETENTION_JOURNAL.name ? 1 : topology.partitionCount,
      batchBytesMax: LIMITS.journalBatchBytesMax,
      segmentBytes: JOURNAL_SEGMENT_BYTES,
    };
  }
}
