import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { endBroker, startAgain } from "../../deploy/kafka/kafka-cluster.ts";
import { compareReadings, readingSequences } from "../forward-cuts/compare-readings.ts";
import { runEdgeLoad } from "../forward-cuts/edge-load.ts";
import { addGateway, sideOf } from "../forward-cuts/forward-pair.ts";
import { forwardFigure, isForwarded, unreadyReasons } from "../forward-cuts/forward-progress.ts";
import { RELAY_GROUP, startKafkaPair, type KafkaPair, type KafkaPairOptions } from "../forward-cuts/kafka-pair.ts";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";
import { IMPATIENT, noKafka, startKafka, type KafkaServers } from "../support/kafka-servers.ts";
import { KAFKA_USER, noSecureKafka, startSecureKafka } from "../support/kafka-security.ts";
import { createTestTopic } from "../support/kafka-topic.ts";
import type { Overview } from "../../core/overview.ts";

const DEVICES = 20;
const WAIT = { timeout: 60_000, interval: 100 };
/** Longer than a link waits for an answer. */
const CATCH_UP_MS = 120_000;
const TITLE = `telemetry that goes upstream through a topic (needs ${noKafka ?? "Java and Maven"})`;

describe.skipIf(noKafka !== null)(TITLE, { timeout: 300_000 }, () => {
  let kafka: KafkaServers;
  let pair: KafkaPair | null = null;
  beforeAll(async () => {
    kafka = await startKafka(1, IMPATIENT);
  }, 300_000);
  afterEach(async () => {
    await pair?.dispose();
    pair = null;
  });
  afterAll(() => kafka.stop());

  const start = async (options: KafkaPairOptions = { kafka }): Promise<KafkaPair> =>
    (pair = await startKafkaPair(options));
  const load = ({ edge, boxToken }: KafkaPair, messagesPerDevice: number, paceMs: number) =>
    runEdgeLoad({ ...edge, boxToken, devices: DEVICES, messagesPerDevice, paceMs });
  const difference = async ({ edge, cloud }: KafkaPair) => {
    await Promise.all([edge.stop(), cloud.stop()]);
    return compareReadings(await readingSequences(edge.data, 32), await readingSequences(cloud.data, 8));
  };
  const duplicates = async ({ cloud }: KafkaPair): Promise<number> =>
    (await cloud.api.get<Overview>("/overview")).ledger.messages.duplicate;
  /** An envelope arrives upstream, and the relay does not hear of it. */
  const muteLink = async ({ link, topic }: KafkaPair): Promise<void> => {
    const before = link.bytesUp;
    link.mute();
    // Either it has gone since, or it was on its way just then, and nothing more goes.
    const isSent = async () => link.bytesUp > before + 50 || (await topic.lag(RELAY_GROUP)) > 2 * DEVICES;
    await expect.poll(isSent, WAIT).toBe(true);
  };
  /** What the edge sends lies before the broker, and nobody answers: it lands when the edge that sent it is gone, and comes again. */
  const killEdgeBeforeAnswer = async ({ edge }: KafkaPair): Promise<void> => {
    const [broker] = kafka.cluster.brokers;
    process.kill(broker?.pid ?? 0, "SIGSTOP");
    const taken = () => forwardFigure(edge, "millrace_mqtt_admitted_total");
    const before = await taken();
    await expect.poll(taken, WAIT).toBeGreaterThan(before + 20);
    await edge.kill();
    process.kill(broker?.pid ?? 0, "SIGCONT");
  };

  it("is the same upstream, each reading once and in order, through kill -9 of edge, relay, cloud and broker", async () => {
    const running = await start();
    const { edge, cloud, relay, link, topic } = running;
    const loaded = load(running, 30, 400);
    const forwarded = () => forwardFigure(edge, "millrace_forward_messages_total");
    await expect.poll(forwarded, WAIT).toBeGreaterThan(10);
    await muteLink(running);
    await relay.kill();
    link.mend();
    await relay.start();
    await killEdgeBeforeAnswer(running);
    await edge.start();
    await endBroker(kafka.cluster, 1, "SIGKILL");
    await Promise.all([startAgain(kafka.cluster, 1), cloud.kill()]);
    await cloud.start();
    const sent = await loaded;
    expect([...sent.values()]).toEqual(Array.from({ length: DEVICES }, () => 30));
    await running.caughtUp(CATCH_UP_MS);
    expect(await topic.size()).toBeGreaterThan(600);
    expect(await duplicates(running)).toBeGreaterThan(0);
    expect(await relay.stop()).toBe(0);
    expect(await difference(running)).toEqual({ readings: 600, lost: 0, duplicated: 0, disordered: 0 });
  });

  it("goes on with another relay of the group when one is killed, and at once when one is stopped", async () => {
    const running = await start();
    const { edge, relay, link } = running;
    const loaded = load(running, 25, 300);
    const next = running.anotherRelay();
    await expect.poll(() => link.bytesUp, WAIT).toBeGreaterThan(200);
    await next.start();
    await muteLink(running);
    await relay.kill();
    link.mend();
    await loaded;
    await running.caughtUp(CATCH_UP_MS);
    const last = running.anotherRelay();
    await last.start();
    expect(await next.stop()).toBe(0);
    await load(running, 2, 10);
    await running.caughtUp(CATCH_UP_MS);
    expect(await last.stop()).toBe(0);
    expect(await isForwarded(edge)).toBe(true);
    // Of those with an Idempotency-Key, every third device, the edge knew all.
    expect(await difference(running)).toEqual({ readings: 526, lost: 0, duplicated: 0, disordered: 0 });
  });

  it("stands before what no edge has written, says so, and goes on when it is told to put that into a file", async () => {
    const running = await start();
    const { topic, relay, edge } = running;
    await topic.put("somebody", [{ timestamp: 1, key: "k", value: Buffer.from("hello"), headers: [] }]);
    await load(running, 2, 10);
    await expect.poll(() => isForwarded(edge), WAIT).toBe(true);
    await expect
      .poll(() => relay.unreadyReasons(), WAIT)
      .toEqual([
        expect.stringMatching(
          /partition 0 stands before offset \d+, which cannot be relayed: a forwarded message does not/,
        ),
      ]);
    expect(relay.process?.stderr()).toMatch(/Start the relay with --skip-bad FILE/);
    expect(await topic.lag(RELAY_GROUP)).toBeGreaterThan(0);
    expect(await relay.stop()).toBe(0);
    const file = join(edge.data, "bad.jsonl");
    await relay.start("--skip-bad", file);
    await running.caughtUp(CATCH_UP_MS);
    expect(await relay.unreadyReasons()).toEqual([]);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ topic: topic.topic, key: "k", value: "aGVsbG8=" });
    expect(await difference(running)).toEqual({ readings: 40, lost: 0, duplicated: 0, disordered: 0 });
  });

  it("waits at the edge for a topic that is not there, says how to make it, and goes on when somebody has", async () => {
    const directory = temporaryDirectory();
    const topic = `late-${process.pid}`;
    const [broker] = kafka.addresses;
    const edge = await sideOf(join(directory.path, "edge"), {
      flags: ["--no-clickhouse", "--processor-threads", "1"],
      environment: { MILLRACE_FORWARD_URL: `kafka://${broker?.host}:${broker?.port}/${topic}` },
    });
    await edge.start();
    try {
      const boxToken = await addGateway(edge.data, "box");
      await runEdgeLoad({ ...edge, boxToken, devices: 3, messagesPerDevice: 3, paceMs: 10 });
      const text = new RegExp(`has no topic ${topic}, and it is not made by itself: make it \\(kafka-topics\\.sh`);
      await expect.poll(() => unreadyReasons(edge), WAIT).toEqual([expect.stringMatching(text)]);
      const made = await createTestTopic(kafka.addresses, topic, 1);
      await expect.poll(() => isForwarded(edge), WAIT).toBe(true);
      await expect.poll(() => unreadyReasons(edge), WAIT).toEqual([]);
      expect(await made.size()).toBe(9);
      made.close();
    } finally {
      await edge.kill();
      directory.dispose();
    }
  });

  it("ends with a sentence and what to do where the relay cannot begin", async () => {
    const [broker] = kafka.addresses;
    const place = `kafka://${broker?.host}:${broker?.port}`;
    const relay = (...args: readonly string[]) =>
      runMillraceAsync(["relay", "--to", "mqtt://127.0.0.1:1", ...args], { MILLRACE_RELAY_TOKEN: "mr_token" });
    const absent = await relay("--from", `${place}/nobody-made-it`);
    expect(absent.stderr).toMatch(
      /the topic nobody-made-it: UNKNOWN_TOPIC.*Make it \(kafka-topics\.sh .*or correct --from\.\n$/,
    );
    expect(absent.code).toBe(1);
    const away = await relay("--from", "kafka://127.0.0.1:1/edges");
    expect(away.stderr).toMatch(/cannot be reached.*Check --from, and whether the brokers run/);
    expect(away.code).toBe(1);
    const wrong = await relay("--from", "kafka://127.0.0.1/edges");
    expect(wrong.stderr).toMatch(/names no topic of a Kafka/);
    expect(wrong.code).toBe(2);
  });

  it.skipIf(noSecureKafka !== null)("goes over TLS, signed in to", async () => {
    const secure = await startSecureKafka();
    const directory = temporaryDirectory();
    const [address] = secure.address("SASLTLS");
    const [ca, password] = [join(directory.path, "ca.pem"), join(directory.path, "password")];
    writeFileSync(ca, secure.tls.ca);
    writeFileSync(password, `${KAFKA_USER.password}\n`);
    const trust = { NODE_EXTRA_CA_CERTS: ca };
    const way = {
      place: `kafkas://localhost:${address?.port}`,
      edgeEnvironment: {
        ...trust,
        MILLRACE_FORWARD_SASL: "SCRAM-SHA-512",
        MILLRACE_FORWARD_USER: KAFKA_USER.username,
        MILLRACE_FORWARD_TOKEN_FILE: password,
      },
      relayEnvironment: {
        ...trust,
        MILLRACE_RELAY_SASL: "PLAIN",
        MILLRACE_RELAY_USER: KAFKA_USER.username,
        MILLRACE_RELAY_PASSWORD_FILE: password,
      },
    };
    try {
      const running = await start({ kafka: secure, way });
      await load(running, 2, 10);
      await running.caughtUp(CATCH_UP_MS);
      expect(await difference(running)).toEqual({ readings: 40, lost: 0, duplicated: 0, disordered: 0 });
    } finally {
      await pair?.dispose();
      pair = null;
      await secure.stop();
      directory.dispose();
    }
  });
});
