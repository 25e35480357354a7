import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installationId } from "../../app/data-directory.ts";
import { bootstrapOf } from "../../deploy/kafka/kafka-cluster.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { FREE_PORTS } from "../support/free-port.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { noCluster, startCluster, type Cluster } from "../support/cluster.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, listAlarms, settled } from "../support/replay-run.ts";
import { runToFailure } from "../support/start-failure.ts";
import type { MoveReport } from "../../app/move/move-installation.ts";
import type { LogStatus } from "../../core/event-log.ts";
import type { Overview } from "../../core/overview.ts";

const MILLRACE = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url));
const execute = promisify(execFile);
const T0 = Date.UTC(2026, 0, 1);
const STEP_MS = 5000;
const PLANT = `
types:
  - id: oven
    metrics:
      temperature: { unit: °C }
devices:
  - { id: left, type: oven }
  - { id: right, type: oven }
rules:
  - id: hot
    name: Too hot
    severity: high
    select: { type: oven }
    condition: { kind: threshold, metric: temperature, op: ">", value: 80, deadband: 5 }
`;
/** So short that retention has deleted what was sent first before the move begins. */
const FORGETFUL = ["--log-retention-hours", "0.0006"];
const FORGOTTEN_MS = 5000;

describe.skipIf(noCluster !== null)(`an installation that moves to a cluster (needs ${noCluster ?? "Kafka"})`, () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let cluster: Cluster;
  const tokens = new Map<string, string>();
  let sent = 0;

  beforeAll(async () => {
    directory = temporaryDirectory();
    cluster = await startCluster({ brokers: 1, clickhouse: true, redis: false, prefix: "moved.", partitions: 4 });
    const instance = await startEmbedded(FORGETFUL);
    const api = instanceApi(directory.path);
    const yaml = join(directory.path, "plant.yaml");
    writeFileSync(yaml, PLANT);
    await run("apply", yaml);
    for (const device of ["left", "right"]) {
      const { token }: { token: string } = JSON.parse(await run("devices", "rotate", device, "--json"));
      tokens.set(device, token);
    }
    // An alarm is raised, and is active when the installation moves.
    await publish(instance.ready.mqtt, 600, (n) => (n < 590 ? 20 + (n % 10) : 95));
    await settled(api, 60_000);
    await delay(FORGOTTEN_MS);
    await publish(instance.ready.mqtt, 100, () => 96);
    await instance.stop();
  }, 300_000);

  afterAll(async () => {
    await cluster?.dispose();
    directory?.dispose();
  });

  function startEmbedded(flags: readonly string[]): Promise<Instance> {
    const environment = { MILLRACE_INSTALLATION_SECRET: cluster.secret, MILLRACE_PARTITIONS: "4" };
    return startInstance({ data: directory.path, flags, environment });
  }

  async function run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", directory.path]);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async function publish(mqtt: string, count: number, temperature: (n: number) => number): Promise<void> {
    for (const [device, token] of tokens) {
      const client = await connectAsync(mqtt, { username: device, password: token, clientId: device });
      const all = Array.from({ length: count }, (_, n) => {
        const payload = { ts: T0 + (sent + n) * STEP_MS, values: { temperature: temperature(n) } };
        return client.publishAsync("v1/devices/me/telemetry", JSON.stringify(payload), { qos: 1 });
      });
      await Promise.all(all);
      await client.endAsync();
    }
    sent += count;
  }

  /** Retention would take all of the log that was read, if it did not rest meanwhile. */
  const environmentOfMove = () => ({ ...cluster.environment, MILLRACE_LOG_RETENTION_HOURS: "0.0006" });
  const migrate = () =>
    runMillraceAsync(["migrate", "--to", "cluster", "--json", "--data", directory.path], environmentOfMove());

  it("is refused without saying where to, of what is no installation, and with another secret", async () => {
    const refused = await runMillraceAsync(["migrate", "--to", "cluster", "--data", directory.path]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /^millrace: a move to a cluster needs where to: MILLRACE_KAFKA_BROKERS, MILLRACE_DATABASE_URL, MILLRACE_CLICKHOUSE_URL\. Set them /,
    );
    const args = ["migrate", "--to", "cluster", "--data"];
    const nowhere = await runMillraceAsync([...args, cluster.dataOf("nowhere")], cluster.environment);
    expect(nowhere.stderr).toMatch(/^millrace: there is no data directory .* Name another with --data\.$/m);
    const environment = { ...cluster.environment, MILLRACE_INSTALLATION_SECRET: "0".repeat(64) };
    const other = await runMillraceAsync([...args, directory.path], environment);
    expect(other.stderr).toMatch(
      /^millrace: the installation's secret is not the one that .*registry\.sqlite was made with/,
    );
    expect([nowhere.code, other.code]).toEqual([1, 2]);
  });

  /** Sends on, and keeps what comes last for the log to move with. */
  async function runOnHere(): Promise<void> {
    const forgetful = await startEmbedded(FORGETFUL);
    await publish(forgetful.ready.mqtt, 50, () => 97);
    await settled(instanceApi(directory.path), 60_000);
    await delay(FORGOTTEN_MS);
    await publish(forgetful.ready.mqtt, 50, () => 98);
    await forgetful.stop();
    const mindful = await startEmbedded([]);
    await publish(mindful.ready.mqtt, 50, () => 99);
    await settled(instanceApi(directory.path), 60_000);
    await mindful.stop();
  }

  /** Begins to move, and is killed as soon as something is in the topic. */
  async function breakOffAt(topic: string): Promise<void> {
    const child = spawn(process.execPath, [MILLRACE, "migrate", "--to", "cluster", "--data", directory.path], {
      env: { ...process.env, ...environmentOfMove() },
      stdio: "inherit",
      detached: true,
    });
    await untilThere(cluster, topic);
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await once(child, "exit");
  }

  it("goes on after kill -9, whatever was done here since, and nobody starts on what is half there", async () => {
    await breakOffAt("moved.telemetry");
    await breakOffAt("moved.journal.retention");
    await runOnHere();
    const early = await runToFailure({
      args: ["start", "--data", cluster.dataOf("early"), ...FREE_PORTS],
      environment: cluster.environment,
    });
    expect(early).toMatchObject({ code: 2, stdout: "", leftRunning: false });
    expect(early.said).toMatch(/^millrace: an installation is moving to the Kafka topics .* Run `millrace migrate/);

    const moved = await migrate();
    expect(moved).toMatchObject({ code: 0, stderr: "" });
    const report: MoveReport & { differing: number } = JSON.parse(moved.stdout);
    expect(report.differing).toBe(0);
    expect(report.generation.now).toBeGreaterThan(report.generation.before);
    const { partitions, deletedTelemetry } = await statusOf(cluster);
    expect(partitions.some(({ topic, startOffset }) => topic === "telemetry" && startOffset > 0)).toBe(true);
    expect(Object.keys(deletedTelemetry).toSorted()).toEqual(["default/left", "default/right"]);
    const countOf = (what: string) => report.items.find((item) => item.what === what)?.there;
    expect(countOf("readings")).toBeGreaterThan(0);
    expect(countOf("devices")).toBe(3);
    expect(report.items.every(({ here, there, equal }) => here === there && equal)).toBe(true);
    expect(report.items.filter(({ where }) => where === "tables").find(({ what }) => what === "readings")?.there).toBe(
      2 * sent,
    );
  });

  it("is not started here again, nor moved twice", async () => {
    const environment = { MILLRACE_INSTALLATION_SECRET: cluster.secret, MILLRACE_PARTITIONS: "4" };
    const here = await runToFailure({ args: ["start", "--data", directory.path, ...FREE_PORTS], environment });
    expect(here).toMatchObject({ code: 2, stdout: "", leftRunning: false });
    expect(here.said).toMatch(/has moved to the Kafka topics with the prefix "moved\."\. Start it there/);
    const again = await migrate();
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("hold this installation's log already");
  });

  it("counts on, closes its windows and clears its alarms there, with the same tokens", async () => {
    const all = await cluster.start("all", "all");
    const api = instanceApi(cluster.dataOf("all"));
    expect((await listAlarms(api)).filter(({ active }) => active)).toHaveLength(2);
    await publish(all.ready.mqtt ?? "", 100, () => 21);
    await api.post("/flush", { upTo: T0 + sent * STEP_MS + 120_000 });
    const audit = await settled(api, 120_000);
    expect(audit).toMatchObject({ balanced: true, storedOnce: true, mismatches: [] });
    const { ledger } = await api.get<Overview>("/overview");
    expect(ledger.messages.processed).toBe(2 * sent);
    expect((await listAlarms(api)).filter(({ active }) => active)).toHaveLength(0);
    expect(await listAlarms(api)).toHaveLength(2);
  });
});

/** Until something is in the topic. */
async function untilThere({ kafka }: Cluster, topic: string): Promise<void> {
  const args = ["-b", bootstrapOf(kafka.cluster), "-C", "-t", topic, "-c", "1", "-e", "-q", "-f", "%o\n"];
  const deadline = Date.now() + 60_000;
  // Not spawnSync: this process serves ClickHouse to the one that moves.
  while (
    (await execute("kcat", args).then(
      ({ stdout }) => stdout,
      () => "",
    )) === ""
  ) {
    if (Date.now() > deadline) throw new Error(`nothing came into ${topic}`);
  }
}

/** As a process of the installation sees the log. */
async function statusOf({ kafka, secret }: Cluster): Promise<LogStatus> {
  const installation = installationId(Buffer.from(secret, "hex"));
  const log = await openTestKafkaLog(kafka.addresses, createPlatformaticClient, 4, "moved.", { installation });
  try {
    return await log.status();
  } finally {
    await log.close(AbortSignal.timeout(5000));
  }
}
