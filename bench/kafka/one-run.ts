import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKafkajsClient } from "../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { openLogDirectory } from "../../test/support/log-dump.ts";
import { openTestKafkaLog } from "../../test/support/kafka-servers.ts";
import { brokerAddresses } from "../../app/kafka-client-options.ts";
import { kafkajsPeer, platformaticPeer, type Peer } from "./client-peers.ts";
import { fetchAll, PARTITIONS, plainRecords, produce, rateOf, telemetryRecords } from "./kafka-loads.ts";
import { measureAppendLatency, measureIdle, measureStage } from "./measure-log.ts";
import type { EventLog } from "../../core/event-log.ts";

/** A figure by its name and unit. */
export type Figures = Record<string, { readonly unit: string; readonly value: number }>;

/** What one process measures of one thing: CPU of one must not count for another. Sent to the parent, then it ends. */
export type Measured = "platformatic" | "kafkajs" | "embedded" | "platformatic-peer" | "kafkajs-peer";

const [measured, brokers = "", totalText = "0"] = process.argv.slice(2);
const total = Number(totalText);
const figures: Figures = {};

const rate = (name: string, { perCpuSecond, perSecond }: { perCpuSecond: number; perSecond: number }): void => {
  figures[name] = { unit: "msg/s per CPU-second", value: perCpuSecond };
  figures[`${name} (by the clock)`] = { unit: "msg/s", value: perSecond };
};

if (measured === "embedded") await measureEmbedded();
else if (measured === "platformatic" || measured === "kafkajs") await measureKafka(measured);
else await measurePeer(measured === "kafkajs-peer" ? await kafkajsPeer(brokers) : platformaticPeer(brokers));
process.send?.(figures, () => process.exit(0));

async function measureKafka(client: "platformatic" | "kafkajs"): Promise<void> {
  const createClient = client === "kafkajs" ? createKafkajsClient : createPlatformaticClient;
  const log = await openTestKafkaLog(brokerAddresses(brokers), createClient, PARTITIONS);
  const append = (topic: string) => (partition: number, records: Parameters<EventLog["append"]>[2]) =>
    log.append(topic, partition, records);
  await produce(append("commands"), plainRecords(), total / 4);
  rate("produce, 200 bytes", await rateOf(() => produce(append("readings"), plainRecords(), total)));
  rate(
    "produce, messages with eight headers",
    await rateOf(() => produce(append("alarms"), telemetryRecords(0), total)),
  );
  await fetchAll(log, "commands", total / 4);
  rate("fetch, 200 bytes", await rateOf(() => fetchAll(log, "readings", total)));
  rate("fetch, messages with eight headers", await rateOf(() => fetchAll(log, "alarms", total)));
  await log.close(AbortSignal.timeout(5000));
  if (client === "platformatic") await measureCompressed();
  const fresh = await openTestKafkaLog(brokerAddresses(brokers), createClient, PARTITIONS);
  await measureCommon(fresh);
  await fresh.close(AbortSignal.timeout(5000));
}

/** The same messages as above, compressed: which client's connection they go over makes no difference to that. */
async function measureCompressed(): Promise<void> {
  const compression = "zstd";
  const log = await openTestKafkaLog(brokerAddresses(brokers), createPlatformaticClient, PARTITIONS, undefined, {
    compression,
  });
  const append = (partition: number, records: Parameters<EventLog["append"]>[2]) =>
    log.append("alarms", partition, records);
  await produce((partition, records) => log.append("commands", partition, records), telemetryRecords(0), total / 4);
  await fetchAll(log, "commands", total / 4);
  rate("produce, messages with eight headers, zstd", await rateOf(() => produce(append, telemetryRecords(0), total)));
  rate("fetch, messages with eight headers, zstd", await rateOf(() => fetchAll(log, "alarms", total)));
  await log.close(AbortSignal.timeout(5000));
}

async function measureEmbedded(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const log = await openLogDirectory(join(directory, "log"), PARTITIONS);
  await measureCommon(log);
  await log.close(AbortSignal.timeout(5000));
  rmSync(directory, { recursive: true });
}

async function measureCommon(log: EventLog): Promise<void> {
  const latency = await measureAppendLatency(log);
  figures["append of one message, p50"] = { unit: "ms", value: latency.p50 };
  figures["append of one message, p99"] = { unit: "ms", value: latency.p99 };
  figures["connected and idle"] = { unit: "% of a core", value: await measureIdle(log) };
  rate("stage main: consume, clean + aggregate + alarm, outputs, journal", await measureStage(log, total / 4));
}

/** The topic is one that a log before this has made. */
async function measurePeer(peer: Peer): Promise<void> {
  const log = await openTestKafkaLog(brokerAddresses(brokers), createPlatformaticClient, PARTITIONS, "peer.");
  await log.close(AbortSignal.timeout(5000));
  const append = (partition: number, records: Parameters<Peer["append"]>[2]) =>
    peer.append("peer.readings", partition, records);
  await produce(append, plainRecords(), total / 8);
  rate("produce, 200 bytes", await rateOf(() => produce(append, plainRecords(), total / 4)));
  await peer.close();
}
