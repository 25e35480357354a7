import { soleMember, type ConsumerGroups } from "../core/consumer-group.ts";
import type { Clock } from "../core/clock.ts";
import type { EventLog, JournalFollowing, JournalId, JournalWork } from "../core/event-log.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { LogConnection } from "../log/embedded/connect-embedded-log.ts";
import type { Config } from "./config.ts";

/** What a thread opens the log with: a connection to its writer, or Kafka. Goes through `workerData`. */
export type LogAccess =
  | { readonly kind: "embedded"; readonly connection: LogConnection }
  | { readonly kind: "kafka"; readonly installation: string; readonly generation: number };

export interface LogParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ThreadLogParts extends LogParts {
  /** What this thread tells of its time on Kafka; embedded, who wants to know asks it. */
  readonly work?: () => JournalWork;
}

export interface ThreadLog extends EventLog {
  readonly generation: number;
  /** Of the log before it moved here, or `generation`: what was made from it carries this one or a later one. */
  readonly firstGeneration: number;
  /** Who works which partitions: all processes of the installation agree, or this thread has the ones that it is given. */
  groups(partitions: readonly number[]): ConsumerGroups;
  /** Reads a journal of another process; absent where there is none. */
  follow?(journal: JournalId): JournalFollowing;
  /** From now on what is old is deleted by this thread, where not the log's writer does it. One process of an installation is to do so. */
  beginRetention?(): void;
  close(signal: AbortSignal): Promise<void>;
}

/** Opens the log in another thread. On Kafka every thread has connections of its own. What only Kafka needs is loaded there only: an embedded thread starts without it. */
export async function openThreadLog(access: LogAccess, config: Config, parts: ThreadLogParts): Promise<ThreadLog> {
  if (access.kind === "kafka") {
    const { openKafka } = await import("./open-kafka.ts");
    const log = await openKafka(config, access, parts);
    return Object.assign(log, { groups: () => log });
  }
  const { connectEmbeddedLog } = await import("../log/embedded/connect-embedded-log.ts");
  const log = connectEmbeddedLog(access.connection);
  const { generation } = access.connection;
  return Object.assign(log, { generation, firstGeneration: generation, groups: soleMember });
}
