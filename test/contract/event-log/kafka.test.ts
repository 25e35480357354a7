import { randomUUID } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import type { OpenKafkaLog } from "../../../log/kafka/open-kafka-log.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { restartBroker } from "../../../deploy/kafka/kafka-cluster.ts";
import { flipBytes } from "../../support/flip-bytes.ts";
import { noKafka, openTestKafkaLog, startKafka, type KafkaServers } from "../../support/kafka-servers.ts";
import { eventLogContract } from "./event-log-suite.ts";
import type { CreateKafkaClient } from "../../../log/kafka/kafka-client.ts";
import type { LogHarness, LogSettings, LogUnderTest } from "./log-harness.ts";

const DAY = 86_400_000;

let servers: KafkaServers;

const CLIENTS = [
  ["@platformatic/kafka", createPlatformaticClient],
  ["kafkajs", createKafkajsClient],
] as const;

// Brokers of their own for each: one that was killed looks through all topics that it has before it answers.
describe.skipIf(noKafka !== null).each(CLIENTS)(
  `on Apache Kafka (needs ${noKafka ?? "Java and Maven"})`,
  (client, createClient) => {
    beforeAll(async () => {
      servers = await startKafka(1);
    }, 300_000);
    afterAll(() => servers.stop());

    eventLogContract(`Kafka, through ${client}`, kafkaHarness(createClient));
  },
);

function kafkaHarness(createClient: CreateKafkaClient): LogHarness {
  return {
    async open(settings) {
      const log = new KafkaUnderTest(settings, createClient);
      await log.start();
      return log;
    },
  };
}

class KafkaUnderTest implements LogUnderTest {
  private readonly settings: LogSettings;
  private readonly createClient: CreateKafkaClient;
  private readonly prefix = `test-${randomUUID()}.`;
  private now = Date.UTC(2026, 0, 1);
  private opened: OpenKafkaLog | null = null;

  constructor(settings: LogSettings, createClient: CreateKafkaClient) {
    this.settings = settings;
    this.createClient = createClient;
  }

  get log(): OpenKafkaLog {
    if (this.opened === null) throw new Error("the log is not open");
    return this.opened;
  }

  get gateway(): OpenKafkaLog {
    return this.log;
  }

  async start(): Promise<void> {
    const { partitionCount, ...settings } = this.settings;
    this.opened = await openTestKafkaLog(servers.addresses, this.createClient, partitionCount, this.prefix, {
      bytesMax: 1024 ** 3,
      retentionMs: DAY,
      requiredJournals: [],
      keepsRetention: true,
      ...settings,
      clock: { now: () => this.now },
    });
  }

  async reopen(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async crash(): Promise<void> {
    // The broker dies, and the client with everything that it had in memory.
    const [broker] = servers.cluster.brokers;
    if (broker === undefined) throw new Error("no broker");
    await restartBroker(servers.cluster, broker.id, "SIGKILL");
    await this.opened?.close(AbortSignal.abort());
    await this.start();
  }

  async damage(value: string): Promise<void> {
    await this.stop();
    await this.damageOpen(value);
    await this.start();
  }

  async damageOpen(value: string): Promise<void> {
    for (const file of this.segments()) await flipBytes(file, value);
  }

  passTime(ms: number): void {
    this.now += ms;
  }

  async dispose(): Promise<void> {
    await this.stop();
  }

  private segments(): string[] {
    return servers.cluster.brokers.flatMap(({ directory }) => {
      const log = join(directory, "log");
      return readdirSync(log)
        .filter((folder) => folder.startsWith(this.prefix) && statSync(join(log, folder)).isDirectory())
        .flatMap((folder) => readdirSync(join(log, folder)).map((file) => join(log, folder, file)))
        .filter((file) => file.endsWith(".log"));
    });
  }

  private async stop(): Promise<void> {
    await this.opened?.close(AbortSignal.timeout(5000));
    this.opened = null;
  }
}
