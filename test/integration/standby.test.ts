import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installationId } from "../../app/data-directory.ts";
import { JOURNALS } from "../../app/journals.ts";
import { stageJournalName } from "../../core/stage.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { KeptStandby } from "../../deploy/cluster/kept-standby.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { noCluster, startCluster, type Cluster } from "../support/cluster.ts";
import { startStandby } from "../support/instance.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import type { OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";

const PARTITIONS = 8;
const PREFIX = "standby.";
/** The journal of the stage, and whom its partitions are dealt out to. */
const MAIN = stageJournalName(mainStage.name);
const SOON = { timeout: 60_000 };
const HOOK = fileURLToPath(new URL("../support/note-modules.ts", import.meta.url));
/** Packages that a processor has no use for. */
const FOREIGN = [
  "esbuild",
  "vite",
  "lmdb",
  "chdb",
  "@fastify/swagger",
  "@fastify/swagger-ui",
  "@fastify/static",
  "@grpc/grpc-js",
  "mqtt",
  "mqtt-packet",
  "csv-parse",
  "kafkajs",
];

/** In order: each goes on from where the one before has left the installation. */
describe.skipIf(noCluster !== null)(`a process that stands by (needs ${noCluster ?? "Kafka and PostgreSQL"})`, () => {
  let cluster: Cluster;
  let log: OpenKafkaLog;
  let standby: KeptStandby;
  const said: string[] = [];

  beforeAll(async () => {
    const stores = { brokers: 1, clickhouse: false, redis: false } as const;
    cluster = await startCluster({ ...stores, prefix: PREFIX, partitions: PARTITIONS });
    const installation = installationId(Buffer.from(cluster.secret, "hex"));
    log = await openTestKafkaLog(cluster.kafka.addresses, createPlatformaticClient, PARTITIONS, PREFIX, {
      installation,
    });
    standby = new KeptStandby({ standBy: (name) => cluster.standBy(name), say: (text) => said.push(text) });
  }, 300_000);

  afterAll(async () => {
    await standby.stop();
    await log.close(AbortSignal.timeout(1000));
    await cluster.dispose();
  });

  const append = (): Promise<number> =>
    log.append("telemetry", 3, [{ timestamp: Date.now(), key: "default/d1", value: Buffer.from("{}"), headers: [] }]);
  const claimed = async (): Promise<string[]> => {
    const { journals } = await log.status();
    return journals.map(({ name, partition }) => `${name}/${partition}`);
  };
  const positionOf = async (): Promise<number> => {
    const { journals } = await log.status();
    const own = journals.find(({ name, partition }) => name === MAIN && partition === 3);
    return own?.positions.find(({ topic }) => topic === "telemetry")?.offset ?? 0;
  };
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it("is connected and holds no partition, no claim and no membership, whatever waits to be worked", async () => {
    standby.keep();
    const waiting = await standby.waiting();
    expect(waiting?.ready.standbyMs).toBeGreaterThan(0);
    const next = (await append()) + 1;
    // Longer than a processor takes to join; there is no event for what does not happen.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(await log.members(MAIN)).toEqual([]);
    expect(await log.members(JOURNALS.retention)).toEqual([]);
    expect(await claimed()).toEqual([]);
    expect(await positionOf()).toBeLessThan(next);
  });

  it("is replaced when it is killed, and the other one holds nothing either", async () => {
    const first = await standby.waiting();
    await first?.kill();
    await expect.poll(async () => (await standby.waiting())?.pid, SOON).not.toBe(first?.pid);
    const second = await standby.waiting();
    expect(second?.hasEnded()).toBe(false);
    expect(said.join()).toContain("another one takes its place");
    expect(await log.members(MAIN)).toEqual([]);
  });

  it("becomes a processor when it is told to, and works what waits", async () => {
    const begun = await standby.begin();
    expect(begun?.launched.ready.role).toBe("processors");
    await expect.poll(positionOf, SOON).toBeGreaterThan(0);
    const [member, ...others] = await log.members(MAIN);
    expect(others).toEqual([]);
    expect(member?.label).toContain(`millrace processors`);
    expect(cluster.processes.has(begun?.name ?? "")).toBe(true);
    const { http } = begun?.launched.ready ?? {};
    await expect.poll(async () => (await fetch(`${http}/readyz`)).status, SOON).toBe(200);
    expect(await begun?.launched.stop()).toBe(0);
    await expect.poll(() => log.members(MAIN), SOON).toEqual([]);
  });

  it("ends in order when it is told to end, or when whoever started it is gone", async () => {
    const [one, other] = await Promise.all([cluster.standBy("ends-1"), cluster.standBy("ends-2")]);
    process.kill(one.pid, "SIGTERM");
    other.leave();
    await Promise.all([one.ended, other.ended]);
    expect([isAlive(one.pid), isAlive(other.pid)]).toEqual([false, false]);
    expect(other.stderr()).toContain("standard input has ended");
    // Nothing of it keeps the next one out of its data directory.
    const again = await cluster.standBy("ends-1");
    await again.kill();
  });

  it("loads what a processor needs, and nothing else", async () => {
    const file = join(cluster.directory, "modules.txt");
    const process = await startStandby({
      data: cluster.dataOf("modules"),
      nodeFlags: ["--import", HOOK],
      environment: { ...cluster.environment, NOTED_MODULES: file },
    });
    await process.begin();
    await process.kill();
    const modules = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.slice(line.indexOf(" ") + 1));
    const packages = new Set(modules.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]));
    expect(FOREIGN.filter((name) => packages.has(name))).toEqual([]);
    const own = modules.flatMap((url) =>
      /node_modules/.test(url) ? [] : (/\/((?:broker|api\/routes)\/.*)$/.exec(url)?.[1] ?? []),
    );
    expect([...new Set(own)].toSorted()).toEqual(["api/routes/probe-routes.ts"]);
  });
});
