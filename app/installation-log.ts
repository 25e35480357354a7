import { soleMember, type ConsumerGroups } from "../core/consumer-group.ts";
import { connectEmbeddedLog } from "../log/embedded/connect-embedded-log.ts";
import { openEmbeddedLog } from "../log/embedded/open-embedded-log.ts";
import { brokerAddresses, createKafkaClient } from "./kafka-client-options.ts";
import { JOURNALS } from "./journals.ts";
import type { Transferable } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { EventLog, JournalFollowing, JournalId } from "../core/event-log.ts";
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
  readonly log: EventLog;
  readonly generation: number;
  readonly isNew: boolean;
  /** For another thread of this process: see `openThreadLog`. */
  connect(): { readonly access: LogAccess; readonly transfer: readonly Transferable[] };
  close(signal: AbortSignal): Promise<void>;
}

export interface LogParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ThreadLog extends EventLog {
  readonly generation: number;
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
  const log = await openEmbeddedLog({
    ...parts,
    ...ceilings(config),
    directory: directory.logPath,
    partitionCount: config.partitions,
    generation: directory.epoch,
  });
  return {
    log,
    generation: log.generation,
    isNew: log.isNew,
    connect() {
      const connection = log.connect();
      return { access: { kind: "embedded", connection }, transfer: [connection.port] };
    },
    close: (signal) => log.close(signal),
  };
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
  return Object.assign(log, { generation, groups: soleMember, close: () => log.close() });
}

async function openOnKafka(config: Config, directory: DataDirectory, parts: LogParts): Promise<InstallationLog> {
  const { installation } = directory;
  // Greater than any before, also on a machine whose data directory is new.
  const generation = Math.floor(parts.clock.now() / 1000);
  const log = await openKafka(config, { installation, generation }, parts);
  return {
    log,
    generation: log.generation,
    isNew: log.isNew,
    connect: () => ({ access: { kind: "kafka", installation, generation }, transfer: [] }),
    close: (signal) => log.close(signal),
  };
}

async function openKafka(
  config: Config,
  { installation, generation }: { readonly installation: string; readonly generation: number },
  { keepsRetention = false, ...parts }: LogParts & { readonly keepsRetention?: boolean },
): Promise<OpenKafkaLog> {
  const { openKafkaLog } = await import("../log/kafka/open-kafka-log.ts");
  return openKafkaLog({
    ...parts,
    ...ceilings(config),
    client: await createKafkaClient(config),
    brokers: brokerAddresses(config.kafkaBrokers ?? ""),
    prefix: config.kafkaPrefix,
    installation,
    generation,
    partitionCount: config.partitions,
    topics: { replication: config.kafkaReplication ?? null, create: config.kafkaCreateTopics },
    keepsRetention,
  });
}

function ceilings(config: Config) {
  return {
    bytesMax: config.logBytesMax,
    retentionMs: config.logRetentionHours * 3_600_000,
    requiredJournals: [JOURNALS.stage, JOURNALS.notify, ...(config.clickhouse ? [JOURNALS.clickhouse] : [])],
  };
}
