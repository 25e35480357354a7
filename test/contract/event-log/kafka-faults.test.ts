import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { endBroker, startAgain } from "../../../deploy/kafka/kafka-cluster.ts";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { noKafka, openTestKafkaLog, startKafka, type KafkaServers } from "../../support/kafka-servers.ts";
import { SteadyAppends } from "../../support/steady-appends.ts";
import { eventually, readPartition, text } from "./log-harness.ts";
import type { OpenKafkaLog } from "../../../log/kafka/open-kafka-log.ts";

const PARTITIONS = 12;
/** So that a broker that is gone is noticed while a test waits. */
const IMPATIENT = {
  "broker.session.timeout.ms": "3000",
  "broker.heartbeat.interval.ms": "500",
  "replica.lag.time.max.ms": "3000",
};
const CLIENTS = [
  ["@platformatic/kafka", createPlatformaticClient],
  ["kafkajs", createKafkajsClient],
] as const;

/** Both clients at the same time, each with a log of its own: brokers take longer to fall and to rise than clients to be tested. */
describe.skipIf(noKafka !== null)(`three brokers of which some fail (needs ${noKafka ?? "Java and Maven"})`, () => {
  let servers: KafkaServers;
  let logs: readonly { readonly client: string; readonly log: OpenKafkaLog }[] = [];
  beforeAll(async () => {
    servers = await startKafka(3, IMPATIENT);
    logs = await Promise.all(
      CLIENTS.map(async ([client, createClient]) => {
        const options = { requestTimeoutMs: 3000 };
        return { client, log: await openTestKafkaLog(servers.addresses, createClient, PARTITIONS, undefined, options) };
      }),
    );
  }, 300_000);
  afterAll(async () => {
    await Promise.all(logs.map(({ log }) => log.close(AbortSignal.timeout(5000))));
    await servers?.stop();
  });

  /** `disturb` goes on while both append to partitions that all brokers lead; afterwards the logs have what was acknowledged, once. */
  async function appendThrough(disturb: () => Promise<void>): Promise<void> {
    const appends = logs.map(({ client, log }) => ({ client, steady: new SteadyAppends(log) }));
    await Promise.all(appends.map(({ steady }) => steady.until(20)));
    await disturb();
    await Promise.all(appends.map(({ steady }) => steady.until(20)));
    await Promise.all(appends.map(({ steady }) => steady.stop()));
    for (const { client, steady } of appends) {
      expect({ client, wrong: await steady.differences() }).toEqual({ client, wrong: [] });
    }
  }

  const pidOf = (id: number): number => servers.cluster.brokers.find((broker) => broker.id === id)?.pid ?? 0;

  test("the death of a leader loses nothing, doubles nothing and changes no order", { timeout: 120_000 }, async () => {
    await appendThrough(() => endBroker(servers.cluster, 1, "SIGKILL"));
    await startAgain(servers.cluster, 1);
  });

  test(
    "a leader that stands still for a while does not either, and nobody waits for it for ever",
    { timeout: 120_000 },
    async () => {
      await appendThrough(async () => {
        process.kill(pidOf(2), "SIGSTOP");
        try {
          const looks = logs.flatMap(({ log }) => [0, 1, 2].map(() => log.status()));
          await Promise.race([
            Promise.allSettled(looks),
            delay(30_000).then(() => Promise.reject(new Error("status() hangs"))),
          ]);
          await delay(2000);
        } finally {
          process.kill(pidOf(2), "SIGCONT");
        }
      });
    },
  );

  test(
    "one broker of three acknowledges nothing alone, and all that waited when the others are back",
    { timeout: 120_000 },
    async () => {
      const before = await Promise.all(
        logs.map(async ({ log }) => (await endsOf(log)).reduce((sum, end) => sum + end, 0)),
      );
      await Promise.all([1, 2].map((id) => endBroker(servers.cluster, id, "SIGKILL")));
      let acknowledged = 0;
      const waiting = logs.map(({ log }) => {
        const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
        return partitions.map((partition) =>
          log.append("telemetry", partition, [text(`waits ${partition}`)]).finally(() => acknowledged++),
        );
      });
      await delay(5000);
      expect(acknowledged).toBe(0);
      await Promise.all([1, 2].map((id) => startAgain(servers.cluster, id)));
      await Promise.all(waiting.flat());
      const after = await Promise.all(
        logs.map(async ({ log }) => (await endsOf(log)).reduce((sum, end) => sum + end, 0)),
      );
      expect(after.map((end, at) => end - (before[at] ?? 0))).toEqual([PARTITIONS, PARTITIONS]);
    },
  );

  test(
    "when all stand still an append ends by its time-out, and lands in order all the same",
    { timeout: 180_000 },
    async () => {
      const starts = await Promise.all(logs.map(async ({ log }) => (await endsOf(log))[0] ?? 0));
      for (const { pid } of servers.cluster.brokers) process.kill(pid, "SIGSTOP");
      const first = logs.map(({ log }) => log.append("telemetry", 0, [text("a"), text("b")]));
      try {
        for (const append of first) {
          await expect(append).rejects.toMatchObject({
            code: "LOG_IO",
            message: expect.stringMatching(/may have them, or take them later/),
          });
        }
      } finally {
        for (const { pid } of servers.cluster.brokers) process.kill(pid, "SIGCONT");
      }
      for (const [at, { client, log }] of logs.entries()) {
        const start = starts[at] ?? 0;
        expect(await log.append("telemetry", 0, [text("c")])).toBe(start + 2);
        expect({ client, values: await readPartition(log, "telemetry", 0, start) }).toEqual({
          client,
          values: ["a", "b", "c"],
        });
      }
    },
  );

  async function endsOf(log: OpenKafkaLog): Promise<number[]> {
    const { partitions } = await eventually("all leaders", () => log.status().catch(() => undefined));
    return partitions.filter(({ topic }) => topic === "telemetry").map(({ endOffset }) => endOffset);
  }
});
