import { FUNCTIONS_STAGE, JOINS_STAGE, REPLAY_STAGE, stageJournalName } from "../core/stage.ts";
import { brokerAddresses, createKafkaClient } from "./kafka-client-options.ts";
import { journalPartitions, logCeilings } from "./log-ceilings.ts";
import type { OpenKafkaLog } from "../log/kafka/open-kafka-log.ts";
import type { Config } from "./config.ts";
import type { ThreadLogParts } from "./thread-log.ts";

/** The log's modules and those of the client library, which take longest of all to load. */
async function loadKafka(config: Config) {
  const [{ openKafkaLog }, client] = await Promise.all([
    import("../log/kafka/open-kafka-log.ts"),
    createKafkaClient(config),
  ]);
  return { openKafkaLog, client };
}

/** The log on Kafka. */
export async function openKafka(
  config: Config,
  own: { readonly installation: string; readonly generation: number; readonly continues?: number },
  parts: ThreadLogParts,
): Promise<OpenKafkaLog> {
  const { openKafkaLog, client } = await loadKafka(config);
  return openKafkaLog({
    ...parts,
    ...logCeilings(config),
    client,
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
    keepsRetention: false,
  });
}
