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
  /** Journals that are known beforehand, and their partitions. */
  readonly journals: ReadonlyMap<string, number>;
}

/** The topics that a log needs on Kafka, made when they are not there. */
export class LogTopics {
  private readonly options: LogTopicsOptions;
  private readonly prepared = new Map<string, Promise<void>>();

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
    const journals = [RETENTION_JOURNAL.name, ...this.options.journals.keys()];
    await prepareTopics(cluster, [...topics, ...others, ...journals.map((name) => this.journalTopic(name))], policy);
    for (const name of journals) this.prepared.set(name, Promise.resolve());
  }

  /** Once per journal; a failure is tried again with the next call. */
  prepareJournal(id: JournalId): Promise<void> {
    const { cluster, policy } = this.options;
    const known = this.prepared.get(id.name);
    if (known !== undefined) return known;
    const prepared = prepareTopics(cluster, [this.journalTopic(id.name)], policy).catch((error: unknown) => {
      this.prepared.delete(id.name);
      throw error;
    });
    this.prepared.set(id.name, prepared);
    return prepared;
  }

  private journalTopic(name: string): WantedTopic {
    const { names, topology, journals } = this.options;
    const partitions = name === RETENTION_JOURNAL.name ? 1 : (journals.get(name) ?? topology.partitionCount);
    return {
      topic: names.journal(name),
      partitions,
      mayHaveMore: partitions < topology.partitionCount,
      batchBytesMax: LIMITS.journalBatchBytesMax,
      segmentBytes: JOURNAL_SEGMENT_BYTES,
    };
  }
}
