import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readingSchema } from "../../core/derived-records.ts";
import { installationId } from "../../app/data-directory.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { noCluster, startCluster, type Cluster } from "../support/cluster.ts";
import { runMillraceAsync } from "../support/instance.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { visitTopic } from "../support/log-dump.ts";

const PREFIX = "skew.";
const PARTITIONS = 2;
const AHEAD_MS = 45_000;
const SOON = { timeout: 60_000, interval: 200 };
const SKEWED = { nodeFlags: ["--import", new URL("../support/skewed-clock.ts", import.meta.url).href] };

describe.skipIf(noCluster !== null)(`a gateway whose clock is ahead (needs ${noCluster ?? "Kafka"})`, () => {
  let cluster: Cluster;

  beforeAll(async () => {
    const stores = { brokers: 1, clickhouse: false, redis: false } as const;
    cluster = await startCluster({ ...stores, prefix: PREFIX, partitions: PARTITIONS });
    await cluster.start("api", "api");
    await Promise.all([
      cluster.start("right", "gateway"),
      cluster.start("ahead", "gateway", { MILLRACE_TEST_CLOCK_OFFSET_MS: String(AHEAD_MS) }, SKEWED),
      cluster.start("processors", "processors"),
    ]);
  }, 300_000);

  afterAll(() => cluster.dispose());

  const page = async (name: string, path: string): Promise<Response> =>
    fetch(`${cluster.processes.get(name)?.ready.http}${path}`);
  const skewSeconds = async (): Promise<number> => {
    const text = await (await page("processors", "/metrics")).text();
    return Number(/^millrace_clock_skew_seconds\{.*stage="main".*\} (\S+)$/m.exec(text)?.[1]);
  };
  const connectTo = async (gateway: string, token: string): Promise<MqttClient> =>
    connectAsync(cluster.processes.get(gateway)?.ready.mqtt ?? "", { username: "d", password: token, clientId: "d" });
  const publish = async (gateway: string, token: string, n: number): Promise<void> => {
    const client = await connectTo(gateway, token);
    await client.publishAsync("v1/devices/me/telemetry", JSON.stringify({ n }), { qos: 1 });
    await client.endAsync();
  };

  it("is told by those who read it, keeps nobody from being ready, and dates what it takes, and nothing else, by its own time", async () => {
    const added = await runMillraceAsync(["devices", "add", "d", "--json", "--data", cluster.dataOf("api")]);
    const { token }: { token: string } = JSON.parse(added.stdout);
    const before = Date.now();
    await publish("right", token, 0);
    expect(await skewSeconds()).toBe(0);
    await publish("ahead", token, 1);
    await expect.poll(skewSeconds, SOON).toBeGreaterThan(AHEAD_MS / 1000 - 20);
    await publish("right", token, 2);
    const dates = async () => (await readings()).map(({ n, ts }) => [n, Math.round((ts - before) / AHEAD_MS)]);
    // The one between is from the future, those around it are not: receive times of a partition may go back.
    await expect.poll(dates, SOON).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ]);
    expect((await page("processors", "/readyz")).status).toBe(200);
    const { stderr } = cluster.processes.get("processors") ?? { stderr: () => "" };
    expect(stderr().match(/received later than it is here/g)).toHaveLength(1);
  });

  async function readings(): Promise<{ readonly n: unknown; readonly ts: number }[]> {
    const log = await openTestKafkaLog(cluster.kafka.addresses, createPlatformaticClient, PARTITIONS, PREFIX, {
      installation: installationId(Buffer.from(cluster.secret, "hex")),
    });
    const found: { readonly n: unknown; readonly ts: number }[] = [];
    await visitTopic(log, "readings", ({ value }) => {
      const { ts, metrics } = readingSchema.parse(JSON.parse(Buffer.from(value).toString()));
      found.push({ n: metrics["n"], ts });
    });
    await log.close(AbortSignal.timeout(5000));
    return found;
  }
});
