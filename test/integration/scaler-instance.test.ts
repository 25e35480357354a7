import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installationId } from "../../app/data-directory.ts";
import { endBroker, startAgain } from "../../deploy/kafka/kafka-cluster.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { noCluster, startCluster, type Cluster } from "../support/cluster.ts";
import { freePort } from "../support/free-port.ts";
import { runMillraceAsync } from "../support/instance.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { ScalerClient } from "../support/scaler-client.ts";
import type { OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";

const PARTITIONS = 8;
const PREFIX = "scaler.";
const MAIN = { metadata: { stage: "main" } };
const SOON = { timeout: 60_000 };

/** In order: each goes on from where the one before has left the installation. */
describe.skipIf(noCluster !== null)(
  `the scaler of an installation (needs ${noCluster ?? "Kafka and PostgreSQL"})`,
  () => {
    let cluster: Cluster;
    let client: ScalerClient;
    let log: OpenKafkaLog;

    beforeAll(async () => {
      const stores = { brokers: 1, clickhouse: false, redis: false } as const;
      cluster = await startCluster({ ...stores, prefix: PREFIX, partitions: PARTITIONS });
      const port = await freePort();
      await cluster.start("api", "api", { MILLRACE_SCALER_PORT: String(port) });
      client = new ScalerClient(port);
      const installation = installationId(Buffer.from(cluster.secret, "hex"));
      log = await openTestKafkaLog(cluster.kafka.addresses, createPlatformaticClient, PARTITIONS, PREFIX, {
        installation,
      });
    }, 300_000);

    afterAll(async () => {
      client.close();
      await log.close(AbortSignal.timeout(1000));
      await cluster.dispose();
    });

    const page = async (path: string): Promise<string> => {
      const url = cluster.processes.get("api")?.ready.http ?? "";
      return (await fetch(`${url}${path}`)).text();
    };
    const metric = async (name: string): Promise<number> => {
      const line = (await page("/metrics")).split("\n").find((one) => one.startsWith(name));
      return Number(line?.split(" ").at(-1));
    };
    /** As a gateway does; what it says is nothing to the stage but work. */
    const append = (): Promise<number> =>
      log.append("telemetry", 3, [{ timestamp: Date.now(), key: "default/d1", value: Buffer.from("{}"), headers: [] }]);

    it("is told to a client that follows within a second of the append that there is something to do", async () => {
      const followed = client.follow(MAIN);
      const states = () => followed.states.map(({ isActive }) => isActive);
      await expect.poll(states, SOON).toEqual([false]);
      expect(await client.metricSpec(MAIN)).toEqual({ name: "millrace-main", target: 1 });
      expect(await client.metric(MAIN)).toBe(0);
      // Between two looks, of which there is one every five seconds while nothing comes.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await append();
      const appendedAt = performance.now();
      await expect.poll(states, SOON).toEqual([false, true]);
      expect((followed.states[1]?.at ?? Infinity) - appendedAt).toBeLessThan(1000);
      expect(await client.isActive(MAIN)).toBe(true);
      expect(await client.metric(MAIN)).toBe(1);
      followed.cancel();
      expect(await followed.ended).toMatchObject({ code: status.CANCELLED });
      await expect.poll(() => metric("millrace_scaler_streams"), SOON).toBe(0);
    });

    it("is served where control records are written too while there is no processor", async () => {
      const end = async () => {
        const { partitions } = await log.status();
        return partitions.reduce((sum, { topic, endOffset }) => sum + (topic === "telemetry" ? endOffset : 0), 0);
      };
      const before = await end();
      const added = await runMillraceAsync(["devices", "add", "d1", "--data", cluster.dataOf("api")]);
      expect(added.code).toBe(0);
      await expect.poll(end, SOON).toBeGreaterThan(before);
    });

    it("knows how long processors have worked, by what they tell with their positions", async () => {
      await cluster.start("processors-1", "processors");
      const enough = async (): Promise<number> => {
        await append();
        return metric('millrace_autoscaler_decisions_total{reason="enough",stage="main"}');
      };
      await expect.poll(enough, SOON).toBeGreaterThan(3);
      expect(await metric('millrace_scaler_work_told{stage="main"}')).toBe(1);
      const { journals } = await log.status();
      const worked = journals.find(({ name, partition }) => name === "stage:main" && partition === 3);
      expect(worked?.work).toMatchObject({ threads: 1 });
      expect(worked?.work?.busySeconds).toBeGreaterThan(0);
      expect(await client.metric(MAIN)).toBe(1);
    });

    it("refuses a stage that is none, and metadata that it does not know, with what to do", async () => {
      const refusal = (metadata: Record<string, string>) =>
        client.metricSpec({ metadata }).catch((error: unknown) => error);
      expect(await refusal({ stage: "nothing" })).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details:
          'no function runs in a stage "nothing". Name main, functions, joins or a stage of your own, or deploy a function with --stage nothing first.',
      });
      const followed = client.follow({ metadata: { stage: "nothing" } });
      expect(await followed.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
      expect(followed.states).toEqual([]);
    });

    it("holds what it has said while Kafka is away, says so on /readyz, and goes on", async () => {
      const { cluster: brokers } = cluster.kafka;
      await endBroker(brokers, brokers.brokers[0]?.id ?? 0, "SIGKILL");
      await expect.poll(() => page("/readyz"), SOON).toContain("cannot be measured for the scaler, the answer stays 1");
      expect(await client.metric(MAIN)).toBe(1);
      expect(await client.isActive(MAIN)).toBe(true);
      await startAgain(brokers, brokers.brokers[0]?.id ?? 0);
      await expect.poll(() => page("/readyz"), SOON).not.toContain("for the scaler");
      expect(await client.metric(MAIN)).toBe(1);
    });
  },
);
