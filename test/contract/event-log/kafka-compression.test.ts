import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bootstrapOf } from "../../../deploy/kafka/kafka-cluster.ts";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { KafkaCluster } from "../../../log/kafka/kafka-cluster.ts";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { PRODUCE } from "../../../wire/kafka/produce.ts";
import { CREATE_TOPICS } from "../../../wire/kafka/topic-apis.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import { batchWith, CODEC, recordsOf } from "../../support/compressed-batch.ts";
import {
  noKafka,
  openTestKafkaLog,
  startKafka,
  type KafkaServers,
  type TestLogOptions,
} from "../../support/kafka-servers.ts";
import { at, readPartition, readRecords } from "./log-harness.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { CreateKafkaClient } from "../../../log/kafka/kafka-client.ts";
import type { OpenKafkaLog } from "../../../log/kafka/open-kafka-log.ts";

const hasKcat = spawnSync("kcat", ["-V"]).status === 0;
const CLIENTS = [
  ["@platformatic/kafka", createPlatformaticClient],
  ["kafkajs", createKafkajsClient],
] as const;
const CODECS = ["gzip", "snappy", "lz4", "zstd"] as const;

const RECORDS: readonly RecordInput[] = Array.from({ length: 300 }, (_, index) => {
  const values = { temperature: 21.5 + (index % 7) / 10, pressure: 1013.25, flow: index };
  const value = Uint8Array.from(Buffer.from(JSON.stringify({ ts: 1_700_000_000_000 + index * 1000, values })));
  return { timestamp: 1_700_000_000_000 + index, key: `acme/pump-${index % 5}`, value, headers: [["client", "c1"]] };
});
const TEXTS = RECORDS.map(({ value }) => Buffer.from(value).toString());

describe.skipIf(noKafka !== null)(`compressed batches (needs ${noKafka ?? "Java and Maven"})`, () => {
  let servers: KafkaServers;
  const logs: OpenKafkaLog[] = [];
  beforeAll(async () => {
    servers = await startKafka(1);
  }, 300_000);
  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close(AbortSignal.timeout(5000));
  });
  afterAll(() => servers.stop());

  async function open(createClient: CreateKafkaClient, prefix: string, options: TestLogOptions): Promise<OpenKafkaLog> {
    const log = await openTestKafkaLog(servers.addresses, createClient, 1, prefix, options);
    logs.push(log);
    return log;
  }

  async function appendAll(log: OpenKafkaLog): Promise<void> {
    for (let from = 0; from < RECORDS.length; from += 100) {
      await log.append("telemetry", 0, RECORDS.slice(from, from + 100));
    }
  }

  /** What lies in the topic's only partition, as the broker keeps it. */
  function stored(topic: string): Buffer {
    const folder = join(servers.cluster.brokers[0]?.directory ?? "", "log", `${topic}-0`);
    const segments = readdirSync(folder).filter((file) => file.endsWith(".log"));
    return Buffer.concat(segments.map((file) => readFileSync(join(folder, file))));
  }

  function kcat(...args: readonly string[]): { readonly stdout: string; readonly status: number | null } {
    const { stdout, status } = spawnSync("kcat", ["-b", bootstrapOf(servers.cluster), ...args], { encoding: "utf8" });
    return { stdout, status };
  }

  async function withCluster<T>(work: (cluster: KafkaCluster) => Promise<T>): Promise<T> {
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };
    const client = createPlatformaticClient({ clientId: "admin", tls: null, sasl: null, ...timeouts });
    const cluster = new KafkaCluster({ client, bootstrap: servers.addresses });
    await cluster.refresh();
    return work(cluster).finally(() => cluster.close());
  }

  describe.each(CLIENTS)("through %s", (_name, createClient) => {
    test.each(["zstd", "gzip"] as const)(
      "are small on the broker, and read as they were appended: %s",
      async (compression) => {
        const prefix = `test-${randomUUID()}.`;
        const log = await open(createClient, prefix, { compression });
        await appendAll(log);
        const slices = await readRecords(log.openReader([at("telemetry", 0, 0)]), RECORDS.length);
        const read = slices.flatMap(({ records }) => records);
        const plain = ({ timestamp, key, value }: RecordInput) => ({ timestamp, key, value: Uint8Array.from(value) });
        expect(
          read.map((one) => ({ ...plain({ ...one, value: one.value, headers: [] }), headers: one.headers() })),
        ).toEqual(RECORDS);
        const bytes = stored(`${prefix}telemetry`);
        expect(bytes.readInt16BE(21)).toBe(CODEC[compression]);
        expect(bytes.length).toBeLessThan(encodeRecordBatch(RECORDS).length / 3);
        // What is told of the log's size is what lies there.
        expect((await log.status()).bytes).toBe(bytes.length);
        if (hasKcat) {
          const { stdout } = kcat(
            "-t",
            `${prefix}telemetry`,
            "-C",
            "-o",
            "beginning",
            "-e",
            "-q",
            "-f",
            String.raw`%s\n`,
          );
          expect(stdout.trimEnd().split("\n")).toEqual(TEXTS);
        }
      },
    );

    test("restore a journal", async () => {
      const prefix = `test-${randomUUID()}.`;
      const journal = { name: "stage:main", partition: 0 };
      const log = await open(createClient, prefix, { compression: "zstd" });
      const { epoch } = await log.claim(journal);
      const body = Uint8Array.from(Buffer.from("state ".repeat(5000)));
      const entry = { kind: "unit" as const, positions: [at("telemetry", 0, 1)], nextTimer: null, body };
      await log.commit({ journal, epoch, entry, outputs: [{ topic: "readings", partition: 0, records: RECORDS }] });
      expect(stored(`${prefix}journal.stage.main`).length).toBeLessThan(body.length / 10);
      const { entries, damaged } = await log.claim(journal);
      expect({ damaged, bodies: entries.map((one) => Uint8Array.from(one.body)) }).toEqual({
        damaged: false,
        bodies: [body],
      });
      expect(await readPartition(log, "readings", 0, 0)).toEqual(TEXTS);
    });

    test.each(CODECS)("are read where an administrator has the broker compress: %s", async (codec) => {
      const prefix = `test-${randomUUID()}.`;
      const topic = `${prefix}telemetry`;
      const topics = [{ topic, partitions: 1, replication: 1, configs: { "compression.type": codec } }];
      const [made] = await withCluster((cluster) =>
        cluster.callController(CREATE_TOPICS, { timeoutMs: 10_000, topics }),
      );
      expect(made?.errorCode).toBe(0);
      const log = await open(createClient, prefix, {});
      await appendAll(log);
      expect(stored(topic).readInt16BE(21)).toBe(CODEC[codec]);
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(TEXTS);
    });
  });

  test.skipIf(!hasKcat).each(CODECS)("of foreign clients are read: %s (needs kcat)", async (codec) => {
    const prefix = `test-${randomUUID()}.`;
    const log = await open(createPlatformaticClient, prefix, {});
    const lines = [...TEXTS, ...TEXTS, ...TEXTS, ...TEXTS];
    const args = [
      "-b",
      bootstrapOf(servers.cluster),
      "-t",
      `${prefix}telemetry`,
      "-P",
      "-z",
      codec,
      "-X",
      "linger.ms=500",
    ];
    expect(spawnSync("kcat", args, { input: lines.join("\n") }).status).toBe(0);
    expect(stored(`${prefix}telemetry`).readInt16BE(21)).toBe(CODEC[codec]);
    expect(await readPartition(log, "telemetry", 0, 0)).toEqual(lines);
  });

  test("that expand beyond the ceiling are told as corrupt, and what lies behind them is read", async () => {
    const prefix = `test-${randomUUID()}.`;
    const topic = `${prefix}telemetry`;
    const said: object[] = [];
    const logger = { ...silentLogger, error: (fields: object) => void said.push(fields) };
    const log = await open(createPlatformaticClient, prefix, { logger });
    const vast = { timestamp: 1, key: null, value: new Uint8Array(LIMITS.expandedBatchBytesMax), headers: [] };
    const batch = batchWith(CODEC.zstd, zstdCompressSync(recordsOf(encodeRecordBatch([vast]))));
    const produced = await withCluster(async (cluster) => {
      cluster.follow([topic]);
      await cluster.refresh();
      const partitions = [{ topic, partition: 0, batch }];
      return cluster.callLeader(topic, 0, PRODUCE, { timeoutMs: 10_000, partitions });
    });
    expect(produced).toMatchObject([{ errorCode: 0, baseOffset: 0 }]);
    await appendAll(log);
    const slices = await readRecords(log.openReader([at("telemetry", 0, 0)]), RECORDS.length);
    expect(slices[0]).toMatchObject({ corrupt: { fromOffset: 0, toOffset: 1 }, damage: { code: "BATCH_TOO_LARGE" } });
    expect(slices.reduce((sum, { records }) => sum + records.length, 0)).toBe(RECORDS.length);
    expect(said).toMatchObject([{ topic: "telemetry", cause: expect.stringMatching(/expands to more than/) }]);
  });
});
