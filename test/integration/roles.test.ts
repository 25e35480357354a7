import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installationId } from "../../app/data-directory.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { noCluster, startCluster, type Cluster } from "../support/cluster.ts";
import { runMillraceAsync } from "../support/instance.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { eventually } from "../contract/event-log/log-harness.ts";
import { dumpTopic } from "../support/log-dump.ts";
import { instanceApi } from "../support/replay-run.ts";
import type { PartitionView } from "../../core/partition-view.ts";
import type { Overview } from "../../core/overview.ts";

const PARTITIONS = 8;
const PREFIX = "roles.";
const MESSAGES = 2000;

describe.skipIf(noCluster !== null)(
  `roles in processes of their own (needs ${noCluster ?? "Kafka and PostgreSQL"})`,
  () => {
    let cluster: Cluster;
    let api: ReturnType<typeof instanceApi>;

    beforeAll(async () => {
      const stores = { brokers: 1, clickhouse: false, redis: false } as const;
      cluster = await startCluster({ ...stores, prefix: PREFIX, partitions: PARTITIONS });
      await cluster.start("api", "api");
      api = instanceApi(cluster.dataOf("api"));
      await Promise.all([
        cluster.start("gateway-1", "gateway"),
        cluster.start("gateway-2", "gateway"),
        cluster.start("processors-1", "processors"),
        cluster.start("processors-2", "processors"),
        cluster.start("sinks", "sinks"),
      ]);
    }, 300_000);

    afterAll(() => cluster.dispose());

    async function addDevice(id: string): Promise<string> {
      const added = await runMillraceAsync(["devices", "add", id, "--json", "--data", cluster.dataOf("api")]);
      expect(added).toMatchObject({ code: 0 });
      const { token }: { token: string } = JSON.parse(added.stdout);
      return token;
    }

    async function connect(gateway: string, device: string, token: string): Promise<MqttClient> {
      const { mqtt } = cluster.processes.get(gateway)?.ready ?? {};
      return connectAsync(mqtt ?? "", { username: device, password: token, clientId: device, reconnectPeriod: 100 });
    }

    async function settledAt(processed: number): Promise<Overview> {
      const deadline = Date.now() + 60_000;
      for (;;) {
        const overview = await api.get<Overview>("/overview");
        const { messages } = overview.ledger;
        if (messages.processed >= processed && messages.inFlight === 0) return overview;
        if (Date.now() > deadline) throw new Error(`not settled: ${JSON.stringify(overview)}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }

    it("prints the admin token of the first start, which opens /metrics of every role", async () => {
      const token = cluster.processes.get("api")?.ready.adminToken ?? "";
      const { http } = cluster.processes.get("gateway-1")?.ready ?? {};
      const { http: apiUrl } = cluster.processes.get("api")?.ready ?? {};
      // As somebody from elsewhere asks: through a proxy.
      const ask = async (url: string | undefined, bearer: string) => {
        const headers = { "x-forwarded-for": "192.0.2.1", authorization: `Bearer ${bearer}` };
        return (await fetch(`${url}/metrics`, { headers })).status;
      };
      expect([await ask(http, token), await ask(apiUrl, token)]).toEqual([200, 200]);
      expect(await ask(http, "mr_wrong")).toBe(401);
      expect(cluster.processes.get("gateway-1")?.ready.adminToken).toBeNull();
    });

    it("say which they have, and that they are ready", async () => {
      for (const { ready } of cluster.processes.values()) {
        await eventually(`${ready.role} ready`, async () => (await fetch(`${ready.http}/readyz`)).status === 200);
        const page = await fetch(`${ready.http}/api/v1/overview`);
        expect(page.status).toBe(ready.role === "api" ? 401 : 404);
      }
      expect(cluster.processes.get("gateway-1")?.ready.mqtt).toMatch(/^mqtt:/);
      expect(cluster.processes.get("processors-1")?.ready.mqtt).toBeNull();
    });

    it("count every message once, whichever gateway took it, while processors die and come", async () => {
      const tokens = await Promise.all(["left", "right"].map(addDevice));
      const clients = await Promise.all([
        connect("gateway-1", "left", tokens[0] ?? ""),
        connect("gateway-2", "right", tokens[1] ?? ""),
      ]);
      const publish = async (from: number, to: number): Promise<void> => {
        const all = clients.flatMap((client) =>
          Array.from({ length: (to - from) / 2 }, (_, index) =>
            client.publishAsync("v1/devices/me/telemetry", JSON.stringify({ n: from + index }), { qos: 1 }),
          ),
        );
        await Promise.all(all);
      };
      await publish(0, MESSAGES / 2);
      await cluster.processes.get("processors-1")?.kill();
      cluster.forget("processors-1");
      await publish(MESSAGES / 2, MESSAGES);
      await cluster.start("processors-3", "processors");
      const { ledger } = await settledAt(MESSAGES);
      expect(ledger.messages).toMatchObject({ admitted: MESSAGES, processed: MESSAGES, duplicate: 0, difference: 0 });
      for (const client of clients) await client.endAsync();
      expect(await countReadings()).toBe(MESSAGES);
    });

    it("tell who has which partition", async () => {
      const stage = await ownersOf(2);
      expect(stage.members.map(({ label }) => label.split(" ").slice(0, 2).join(" "))).toEqual([
        "millrace processors",
        "millrace processors",
      ]);
      expect(stage.partitions).toHaveLength(PARTITIONS);
      expect(new Set(stage.partitions.map(({ owner }) => owner))).toEqual(new Set(stage.members.map(({ id }) => id)));
      const printed = await runMillraceAsync(["partitions", "--all", "--data", cluster.dataOf("api")]);
      expect(printed.stdout).toMatch(/stage:main +telemetry\/0 +\d+ +0 +millrace processors /);
    });

    it("hand their partitions over when they stop", async () => {
      const stopped = cluster.processes.get("processors-2");
      cluster.forget("processors-2");
      expect(await stopped?.stop()).toBe(0);
      const client = await connect("gateway-2", "left", await addDeviceAgain("left"));
      await client.publishAsync("v1/devices/me/telemetry", '{"n":1}', { qos: 1 });
      await settledAt(MESSAGES + 1);
      await client.endAsync();
    });

    it("go on from what they kept when partitions come back that were another's for a while", async () => {
      const stayed = cluster.processes.get("processors-3");
      const restores = async (kind: string): Promise<number> => {
        const page = await (await fetch(`${stayed?.ready.http}/metrics`)).text();
        return Number(
          new RegExp(`^millrace_stage_restores_total\\{.*kind="${kind}".*\\} (\\d+)$`, "m").exec(page)?.[1],
        );
      };
      const other = await cluster.start("processors-4", "processors");
      await ownersOf(2);
      const client = await connect("gateway-2", "left", await addDeviceAgain("left"));
      await client.publishAsync("v1/devices/me/telemetry", '{"n":2}', { qos: 1 });
      await settledAt(MESSAGES + 2);
      const cold = await restores("cold");
      cluster.forget("processors-4");
      expect(await other.stop()).toBe(0);
      await ownersOf(1);
      await client.publishAsync("v1/devices/me/telemetry", '{"n":3}', { qos: 1 });
      const { ledger } = await settledAt(MESSAGES + 3);
      expect(ledger.messages).toMatchObject({ processed: MESSAGES + 3, duplicate: 0, difference: 0 });
      expect(await restores("warm")).toBe(PARTITIONS / 2);
      expect(await restores("cold")).toBe(cold);
      await client.endAsync();
    });

    it("close the connections of a disabled device at every gateway", async () => {
      const token = await addDevice("revoked");
      const client = await connect("gateway-1", "revoked", token);
      const closed = new Promise<number>((resolve) => client.once("close", () => resolve(performance.now())));
      client.options.reconnectPeriod = 0;
      const disabled = await runMillraceAsync(["devices", "disable", "revoked", "--data", cluster.dataOf("api")]);
      const answered = performance.now();
      expect(disabled.code).toBe(0);
      expect((await closed) - answered).toBeLessThan(10_000);
      await client.endAsync(true);
    });

    /** The stage when its partitions are dealt out among so many. */
    async function ownersOf(count: number): Promise<PartitionView["consumers"][number]> {
      return eventually(`${count} owners`, async () => {
        const { consumers } = await api.get<PartitionView>("/partitions");
        const found = consumers.find(({ name }) => name === "stage:main");
        const owners = new Set(found?.partitions.map(({ owner }) => owner));
        // Who was killed is a member until its session has ended, also when it has no partition any more.
        return owners.size === count && !owners.has(null) && found?.members.length === count && found;
      });
    }

    async function addDeviceAgain(id: string): Promise<string> {
      const rotated = await runMillraceAsync(["devices", "rotate", id, "--json", "--data", cluster.dataOf("api")]);
      const { token }: { token: string } = JSON.parse(rotated.stdout);
      return token;
    }

    async function countReadings(): Promise<number> {
      const log = await openTestKafkaLog(cluster.kafka.addresses, createPlatformaticClient, PARTITIONS, PREFIX, {
        installation: installationId(Buffer.from(cluster.secret, "hex")),
      });
      const dumped = await dumpTopic(log, "readings");
      await log.close(AbortSignal.timeout(5000));
      return [...dumped.values()].reduce((sum, records) => sum + records.length, 0);
    }
  },
);
