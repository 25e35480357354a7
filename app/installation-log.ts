import { MillraceError } from "../core/errors.ts";
import { logCeilings } from "./log-ceilings.ts";
import { openKafka } from "./open-kafka.ts";
import type { EmbeddedLog } from "../log/embedded/open-embedded-log.ts";
import type { Transferable } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { EventLog, LogIntakes } from "../core/event-log.ts";
import type { OpenKafkaLog } from "../log/kafka/open-kafka-log.ts";
import type { Config } from "./config.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { LogAccess, LogParts } from "./thread-log.ts";

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
export async function openEmbedded(
  config: Config,
  directory: DataDirectory,
  parts: LogParts & { readonly sync: boolean; readonly requiredJournals?: readonly string[] },
): Promise<EmbeddedLog> {
  // LMDB is nothing to who has the log on Kafka.
  const { openEmbeddedLog } = await import("../log/embedded/open-embedded-log.ts");
  return openEmbeddedLog({
    ...logCeilings(config),
    ...parts,
    directory: directory.logPath,
    partitionCount: config.partitions,
    generation: directory.epoch,
  });
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

function movedAway(path: string, to: string): MillraceError {
  return new MillraceError("CONFIG_INVALID", `the installation in ${path} has moved to ${to}`, {
    remedy: `Start it there, with the settings that the move was made with; or delete the file ${path}/moved to go back to what was here before.`,
  });
}
