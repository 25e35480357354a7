import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { openEmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import { openTestKafkaLog } from "../../test/support/kafka-servers.ts";
import type { EventLog, LogIntakes } from "../../core/event-log.ts";
import type { LogParts } from "../../app/thread-log.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";

/** Where the measured broker writes. */
export type IngestLog =
  | { readonly kind: "embedded"; readonly directory: string }
  | { readonly kind: "kafka"; readonly brokers: readonly BrokerAddress[] };

export const PARTITIONS = 32;
const LOG_BYTES = 1024 ** 3;
const RETENTION_MS = 7 * 24 * 3_600_000;

/** As an installation opens it, but with a ceiling that a long measurement reaches, and no consumers to wait for. */
export function openIngestLog(log: IngestLog, parts: LogParts): Promise<EventLog & LogIntakes> {
  if (log.kind === "kafka")
    return openTestKafkaLog(log.brokers, createPlatformaticClient, PARTITIONS, undefined, parts);
  return openEmbeddedLog({
    ...parts,
    directory: log.directory,
    partitionCount: PARTITIONS,
    generation: 1,
    bytesMax: LOG_BYTES,
    retentionMs: RETENTION_MS,
    requiredJournals: [],
  });
}
