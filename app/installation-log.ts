import { soleMember, type ConsumerGroups } from "../core/consumer-group.ts";
import { isFunctionsJournal } from "../core/functions-stage.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE, REPLAY_STAGE, stageJournalName } from "../core/stage.ts";
import { connectEmbeddedLog } from "../log/embedded/connect-embedded-log.ts";
import { MillraceError } from "../core/errors.ts";
import { openEmbeddedLog, type EmbeddedLog } from "../log/embedded/open-embedded-log.ts";
import { brokerAddresses, createKafkaClient } from "./kafka-client-options.ts";
import { JOURNALS } from "./journals.ts";
import type { Transferable } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { EventLog, JournalFollowing, JournalId, LogIntakes } from "../core/event-log.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { LogConnection } from "../log/embedded/connect-embedded-log.ts";
import type { OpenKafkaLog } from "../log/kafka/open-kafka-log.ts";
import type { Config } from "./config.ts";
import type { DataDirectory } from "./data-directory.ts";

/** What a thread opens the log with: a connection to its writer, or Kafka. Goes through `workerData`. */
export type LogAccess =
  | { readonly kind: "embedded"; readonly connection: LogConnection }
  | { readonly kind: "kafka"; readonly installation: string; readonly generation: number };

export interface InstallationLog {
  readonly log: EventLog & LogIntakes;
  readonly generation: number;
  readonly isNew: boolean;
  /** For another thread of this process: see `openThreadLog`. */
  connect(): { readonly access: LogAccess; readonly transfer: readonly Transferable[] };
  /** A process that has read the log has ended: what it held of it is given free. */
  forgetReaders(): Promise<void>;
  close(signal: AbortSignal): Promise<void>;
}

export interface LogParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ThreadLog extends EventLog {
  readonly generation: number;
  /** Of the log before it moved here, or `generation`: what was made from it carries this one or a later one. */
  readonly firstGeneration: number;
  /** Who works which partitions: all processes of the installation agree, or this thread has the ones that it is given. */
  groups(partitions: readonly number[]): ConsumerGroups;
  /** Reads a journal of another process; absent where there is none. */
  follow?(journal: JournalId): JournalFollowing;
  close(signal: AbortSignal): Promise<void>;
}

/** Opens the log in the acknowledging thread, which writes it when it is embedded. */
export async function openInstallationLog(
  config: Config,
  directory: DataDirectory,
  parts: LogParts & { readonly sync: boolean },
): Promise<InstallationLog> {
  if (config.kafkaBrokers !== undefined) return openOnKafka(config, directory, parts);
  if (directory.movedTo !== null) throw movedAway(directory.path, directory.movedTo);
  const log = await openEmbedded(config, directory, parts);
  return {
    log,
    generation: log.generation,
    isNew: log.isNew,
    connect() {
      const connection = log.connect();
      return { access: { kind: "embedded", connection }, transfer: [connection.port] };
    },
    forgetReaders: () => log.forgetReaders(),
    close: (signal) => log.close(signal),
  };
}

/** The log in the data directory. `requiredJournals`: others than the configuration needs. */
export function openEmbedded(
  config: Config,
  directory: DataDirectory,
  parts: LogParts & { readonly sync: boolean; readonly requiredJournals?: readonly string[] },
): Promise<EmbeddedLog> {
  return openEmbeddedLog({
    ...ceilings(config),
    ...parts,
    directory: directory.logPath,
    partitionCount: config.partitions,
    generation: directory.epoch,
  });
}

/** Opens the log in another thread. On Kafka every thread has connections of its own. */
export async function openThreadLog(
  access: LogAccess,
  config: Config,
  parts: LogParts & { readonly keepsRetention?: boolean },
): Promise<ThreadLog> {
  if (access.kind === "kafka") {
    const log = await openKafka(config, access, parts);
    return Object.assign(log, { groups: () => log });
  }
  const log = connectEmbeddedLog(access.connection);
  const { generation } = access.connection;
  return Object.assign(log, { generation, firstGeneration: generation, groups: soleMember });
}

/** Greater than any before, also on a machine whose data directory is new. */
function newGeneration(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

/** The log on Kafka, for one that moves there: it may take all that there is. */
export function openMovingLog(
  config: Config,
  installation: string,
  { continues, ...parts }: LogParts & { readonly continues: number },
): Promise<OpenKafkaLog> {
  const log = { installation, generation: newGeneration(parts.clock), continues };
  return openKafka({ ...config, logBytesMax: Number.MAX_SAFE_INTEGER }, log, parts);
}

async function openOnKafka(config: Config, directory: DataDirectory, parts: LogParts): Promise<InstallationLog> {
  const { installation } = directory;
  const generation = newGeneration(parts.clock);
  const log = await openKafka(config, { installation, generation }, parts);
  return {
    log,
    generation: log.generation,
    isNew: log.isNew,
    connect: () => ({ access: { kind: "kafka", installation, generation }, transfer: [] }),
    forgetReaders: () => Promise.resolve(),
    close: (signal) => log.close(signal),
  };
}

async function openKafka(
  config: Config,
  own: { readonly installation: string; readonly generation: number; readonly continues?: number },
  { keepsRetention = false, ...parts }: LogParts & { readonly keepsRetention?: boolean },
): Promise<OpenKafkaLog> {
  const { openKafkaLog } = await import("../log/kafka/open-kafka-log.ts");
  return openKafkaLog({
    ...parts,
    ...ceilings(config),
    client: await createKafkaClient(config),
    brokers: brokerAddresses(config.kafkaBrokers ?? ""),
    prefix: config.kafkaPrefix,
    ...own,
    partitionCount: config.partitions,
    topics: { replication: config.kafkaReplication ?? null, create: config.kafkaCreateTopics },
    journals: journalPartitions(config)
      .set(stageJournalName(FUNCTIONS_STAGE.name), config.partitions)
      .set(stageJournalName(JOINS_STAGE.name), config.partitions)
      .set(stageJournalName(REPLAY_STAGE), 1),
    compression: config.kafkaCompression,
    keepsRetention,
  });
}

function movedAway(path: string, to: string): MillraceError {
  return new MillraceError("CONFIG_INVALID", `the installation in ${path} has moved to ${to}`, {
    remedy: `Start it there, with the settings that the move was made with; or delete the file ${path}/moved to go back to what was here before.`,
  });
}

function ceilings(config: Config) {
  return {
    bytesMax: config.logBytesMax,
    retentionMs: config.logRetentionHours * 3_600_000,
    requiredJournals: [...journalPartitions(config).keys()],
    isOnceBegun: isFunctionsJournal,
  };
}

/** What is consumed in one process at a time has a journal of one partition. */
function journalPartitions({ partitions, clickhouse }: Config): Map<string, number> {
  const journals = new Map([
    [JOURNALS.stage, partitions],
    [JOURNALS.notify, 1],
  ]);
  return clickhouse ? journals.set(JOURNALS.clickhouse, 1) : journals;
}
