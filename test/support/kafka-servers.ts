import { brokerAddresses } from "../../app/kafka-client-options.ts";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bootstrapOf,
  createKafkaCluster,
  removeKafkaCluster,
  type KafkaCluster,
  type KafkaClusterSecurity,
} from "../../deploy/kafka/kafka-cluster.ts";
import { missingForKafka } from "../../deploy/kafka/kafka-libraries.ts";
import { randomUUID } from "node:crypto";
import { systemClock } from "../../core/clock.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { openKafkaLog, type KafkaLogOptions, type OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";
import type { BrokerAddress, CreateKafkaClient, KafkaClientOptions } from "../../log/kafka/kafka-client.ts";

/** Why no broker can be started here; null when one can. */
export const noKafka: string | null = missingForKafka();

export interface KafkaServers {
  readonly cluster: KafkaCluster;
  readonly addresses: readonly BrokerAddress[];
  stop(): Promise<void>;
}

/** Properties of brokers that soon miss a member of a consumer group that died, so that a test need not wait. */
export const IMPATIENT: Readonly<Record<string, string>> = {
  "group.consumer.session.timeout.ms": "3000",
  "group.consumer.min.session.timeout.ms": "1000",
  "group.consumer.heartbeat.interval.ms": "500",
  "group.consumer.min.heartbeat.interval.ms": "100",
};

/** Brokers in a folder of their own, for the tests of one file. */
export async function startKafka(
  count: 1 | 3,
  properties: Readonly<Record<string, string>> = {},
  security?: KafkaClusterSecurity,
): Promise<KafkaServers> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
  const cluster = await createKafkaCluster(join(directory, "cluster"), count, properties, security);
  return {
    cluster,
    addresses: brokerAddresses(bootstrapOf(cluster)),
    stop: () => removeKafkaCluster(directory, cluster),
  };
}

export type TestLogOptions = Partial<Pick<KafkaClientOptions, "tls" | "sasl" | "requestTimeoutMs">> &
  Partial<Omit<KafkaLogOptions, "client" | "brokers" | "prefix" | "partitionCount">>;

/** A log of its own on the brokers. Nothing in it is ever deleted. */
export function openTestKafkaLog(
  brokers: readonly BrokerAddress[],
  createClient: CreateKafkaClient,
  partitionCount: number,
  prefix = `test-${randomUUID()}.`,
  options: TestLogOptions = {},
): Promise<OpenKafkaLog> {
  const { tls = null, sasl = null, requestTimeoutMs = LIMITS.kafkaRequestTimeoutMs, ...others } = options;
  const connectTimeoutMs = LIMITS.kafkaConnectTimeoutMs;
  return openKafkaLog({
    client: createClient({ clientId: "test", tls, sasl, connectTimeoutMs, requestTimeoutMs }),
    brokers,
    prefix,
    installation: "test",
    partitionCount,
    topics: { replication: null, create: true },
    journals: new Map(),
    compression: "none",
    generation: 1,
    bytesMax: Number.MAX_SAFE_INTEGER,
    retentionMs: Number.MAX_SAFE_INTEGER,
    requiredJournals: ["never"],
    keepsRetention: false,
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
    ...others,
  });
}
