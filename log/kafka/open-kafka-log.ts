import { TOPICS } from "../../core/topics.ts";
import { LIMITS } from "../../core/limits.ts";
import { LogTopology } from "../topology.ts";
import { checkBrokers } from "./check-brokers.ts";
import { completeMove, establishInstallation } from "./installation-record.ts";
import { KafkaAccess } from "./kafka-access.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { KafkaLog } from "./kafka-log.ts";
import { KafkaProducer } from "./kafka-producer.ts";
import type { InstallationPlace } from "./installation-record.ts";
import type { TopicPolicy } from "./kafka-topics.ts";
import { LogGauge } from "./log-gauge.ts";
import { topicNames } from "./topic-names.ts";
import { whileLost } from "./while-lost.ts";
import type { Clock } from "../../core/clock.ts";
import type { ConsumerGroups } from "../../core/consumer-group.ts";
import type { EventLog, LogIntakes, JournalFollowing, JournalId, JournalWork } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { MoveTarget } from "../move/move-target.ts";
import type { BatchCompression } from "../../wire/record-batch-compression.ts";
import type { BrokerAddress, KafkaClient } from "./kafka-client.ts";

export interface KafkaLogOptions {
  readonly client: KafkaClient;
  /** At least one; the others are learned from it. */
  readonly brokers: readonly BrokerAddress[];
  /** In front of every topic and group: `millrace.`. */
  readonly prefix: string;
  /** Of the registry: topics that another one has made are refused. */
  readonly installation: string;
  /** Fixed when the topics are made; another number then is CONFIG_INVALID. */
  readonly partitionCount: number;
  readonly topics: TopicPolicy;
  /** Names of the journals that are known beforehand, and their partitions: their topics are looked for at the start. */
  readonly journals: ReadonlyMap<string, number>;
  /** Of the log if it is made now. Greater than that of any log whose outputs somebody may have kept. */
  readonly generation: number;
  /** The generation of the log that is about to move here; absent when none is. */
  readonly continues?: number;
  /** Of the record batches that are appended here; whatever others use is read. */
  readonly compression: BatchCompression;
  /** Ceiling of what is kept, in bytes of record batches, replicas not counted. */
  readonly bytesMax: number;
  /** What is older may be deleted, by when it was seen to arrive. */
  readonly retentionMs: number;
  /** Names of journals that retention must never pass. One that has told no position yet holds everything back. */
  readonly requiredJournals: readonly string[];
  /** The same of these, but only once they have told a position. */
  readonly isOnceBegun?: (journal: string) => boolean;
  /** Deletes what is old from the start on: see `beginRetention`. */
  readonly keepsRetention: boolean;
  /** What the thread tells of its time with the positions of the stage that it works: asked whenever it tells some. */
  readonly work?: () => JournalWork;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface OpenKafkaLog extends MoveTarget, EventLog, LogIntakes, ConsumerGroups {
  /** Of the source positions of what is made from this log: fixed when it was made. */
  readonly generation: number;
  /** Of the log that moved here, if one has, else `generation`: what was made from it carries this one or a later one. */
  readonly firstGeneration: number;
  readonly isNew: boolean;
  /** From now on what is old is deleted, until the log is closed: in one process of an installation at least. */
  beginRetention(): void;
  /** Reads a journal that somebody else owns. */
  follow(journal: JournalId): JournalFollowing;
  /** Of a log that has moved here: from now on it can be opened by everybody. */
  completeMove(): Promise<void>;
  /** Takes nothing more, lets what was asked for land, closes. When `signal` aborts, what waits fails with LOG_CLOSED. */
  close(signal: AbortSignal): Promise<void>;
}

/**
 * Opens the event log on Kafka, and makes its topics when they are not there. Errors: LOG_LOST (no broker answers), CONFIG_INVALID
 * (credentials, TLS, partitions, another installation's topics, brokers too old).
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<OpenKafkaLog> {
  const { logger, partitionCount, metrics } = options;
  const stopping = new AbortController();
  const topology = new LogTopology(TOPICS, partitionCount);
  const names = topicNames(options.prefix);
  const gauge = new LogGauge(topology, options);
  const cluster = new KafkaCluster({ client: options.client, bootstrap: options.brokers });
  const indexes = new Map(TOPICS.map((topic) => [names.topic(topic), topology.indexOf(topic, 0)]));
  const producer = new KafkaProducer({
    cluster,
    appendTimeoutMs: LIMITS.kafkaAppendTimeoutMs,
    compression: options.compression,
    onAppended({ topic, partition, nextOffset, records, bytes }) {
      const first = indexes.get(topic);
      if (first !== undefined) gauge.noteBatch(first + partition, nextOffset, records, bytes);
    },
  });
  const access = new KafkaAccess(cluster, producer, stopping.signal);
  const corruptCounter = metrics.counter("millrace_log_corrupt_ranges_total", "Damaged ranges found by readers.");
  const onCorrupt = (range: object): void => {
    corruptCounter.add();
    logger.error(range, "records cannot be read: skipped");
  };
  const log = new KafkaLog({ ...options, access, topology, names, gauge, policy: options.topics, onCorrupt });
  try {
    await checkBrokers(cluster);
    await producer.start();
    const topic = names.topic("installation");
    const { recordBytesMax: batchBytesMax } = LIMITS;
    await log.prepare([{ topic, partitions: 1, batchBytesMax, segmentBytes: batchBytesMax }]);
    const place = installationPlace(access, topic);
    const installation = await whileLost(LIMITS.kafkaAppendTimeoutMs, () => establish(options, place));
    let retention: Promise<void> | null = null;
    const beginRetention = (): void => void (retention ??= log.keepRetention(stopping.signal));
    if (options.keepsRetention) beginRetention();
    return Object.assign(log, {
      generation: installation.generation,
      firstGeneration: installation.continues ?? installation.generation,
      isNew: installation.isNew,
      beginRetention,
      completeMove: () => completeMove(place, options.clock.now()),
      async close(signal: AbortSignal): Promise<void> {
        stopping.abort();
        await retention;
        await log.stop(signal);
      },
    });
  } catch (error) {
    await producer.close(AbortSignal.abort());
    cluster.close();
    throw error;
  }
}

function installationPlace(access: KafkaAccess, topic: string): InstallationPlace {
  return {
    end: async () => (await access.range(topic, 0)).endOffset,
    append: (record) => access.append(topic, 0, record),
    read: (from, to) => access.read(topic, 0, from, to),
  };
}

function establish(options: KafkaLogOptions, place: InstallationPlace) {
  const { prefix, installation: id, partitionCount: partitions, generation, continues, clock } = options;
  const own = { id, partitions, generation, ...(continues === undefined ? {} : { continues }) };
  return establishInstallation(place, own, { prefix, now: clock.now() });
}
