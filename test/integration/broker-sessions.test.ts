import { setTimeout as sleep } from "node:timers/promises";
import type { MqttClient } from "mqtt";
import { describe, expect, test } from "vitest";
import type { Principal } from "../../core/registry.ts";
import { eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import { createMemoryLogIntake } from "../support/memory-log-intake.ts";
import { CONNACK_ACCEPTED, rawConnect, rawPublish } from "../support/raw-mqtt.ts";

/** Resolves when the client's connection is closed. */
const ended = (client: MqttClient): Promise<string> =>
  new Promise((resolve) => client.once("close", () => resolve("closed")));

function collect(client: MqttClient): string[] {
  const received: string[] = [];
  client.on("message", (topic, payload) => received.push(`${topic} ${payload.toString()}`));
  return received;
}

describe("a client id", () => {
  test("of another credential takes nothing over", async () => {
    await using edge = await startBroker();
    const owner = await edge.client("a", { clientId: "shared" });
    const received = collect(owner);
    await owner.subscribeAsync("millrace/acme/a/#");
    const thief = await edge.client("b", { clientId: "shared" });
    await thief.publishAsync(TOPIC_B, "x", { qos: 1 });
    await owner.publishAsync(TOPIC_A, "still here", { qos: 1 });
    await eventually(() => received.length === 1, "the owner's subscription is alive");
    expect(edge.refused("taken-over")).toBe(0);
    expect(edge.broker.connections).toBe(2);
  });

  test("of the same credential takes the older connection over [MQTT-3.1.4-2]", async () => {
    await using edge = await startBroker();
    const older = await edge.client("a", { clientId: "same" });
    const closed = ended(older);
    const newer = await edge.client("a", { clientId: "same" });
    expect(await closed).toBe("closed");
    await newer.publishAsync(TOPIC_A, "x", { qos: 1 });
    expect(edge.broker.connections).toBe(1);
  });
});

describe("a revoked credential", () => {
  test("loses its connections within a second, and only its own", async () => {
    await using edge = await startBroker();
    const [a1, a2] = [await edge.client("a", { clientId: "1" }), await edge.client("a", { clientId: "2" })];
    const b = await edge.client("b");
    const closed = Promise.all([ended(a1), ended(a2)]);
    const startedAt = performance.now();
    edge.broker.disconnect(["acme/a"]);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await b.publishAsync(TOPIC_B, "x", { qos: 1 });
    expect(edge.broker.connections).toBe(1);
  });

  test("does not slip in with an answer from before", async () => {
    const answers: ((principal: Principal | null) => void)[] = [];
    const slow = { authenticate: () => new Promise<Principal | null>((resolve) => answers.push(resolve)) };
    await using edge = await startBroker({ authenticator: slow });
    const peer = await edge.raw();
    peer.send(rawConnect());
    await eventually(() => answers.length === 1, "the token is asked for");
    edge.broker.disconnect(["acme/a"]);
    answers[0]?.({ kind: "device", tenant: "acme", id: "a" });
    await eventually(() => answers.length === 2, "the token is asked for again");
    answers[1]?.(null);
    expect(await peer.closed).toBe("20020005");
  });

  test("has no last will", async () => {
    await using edge = await startBroker();
    const will = { topic: TOPIC_A, payload: Buffer.from("gone"), qos: 1 as const, retain: false };
    await edge.client("a", { will });
    edge.broker.disconnect(["acme/a"]);
    await sleep(50);
    expect(edge.log.records).toEqual([]);
  });
});

describe("a will", () => {
  const will = { topic: TOPIC_A, payload: Buffer.from("gone"), qos: 1 as const, retain: true };

  test("is admitted and routed when the connection is lost", async () => {
    await using edge = await startBroker();
    const witness = await edge.client("a", { clientId: "witness" });
    const received = collect(witness);
    await witness.subscribeAsync("millrace/acme/a/#");
    const client = await edge.client("a", { clientId: "mortal", will });
    client.stream.destroy();
    await eventually(() => received.length === 1, "the will is delivered");
    expect(received).toEqual([`${TOPIC_A} gone`]);
    expect(edge.log.records[0]?.headers).toContainEqual(["client", "mortal"]);
  });

  test("is dropped by a goodbye, and when the broker stops", async () => {
    await using edge = await startBroker();
    const polite = await edge.client("a", { clientId: "polite", will });
    await polite.endAsync();
    await edge.client("a", { clientId: "stopped", will });
    await edge.broker.stop(AbortSignal.timeout(500));
    expect(edge.log.records).toEqual([]);
  });
});

describe("a connection that falls silent", () => {
  test("is closed after one and a half keep-alives", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected({ keepAlive: 1 });
    const startedAt = performance.now();
    await peer.closed;
    expect(performance.now() - startedAt).toBeGreaterThan(1400);
    expect(edge.refused("keep-alive")).toBe(1);
  });

  test("is closed after the longest keep-alive although it asked for none", async () => {
    await using edge = await startBroker({ limits: { keepAliveSecondsMax: 1 } });
    const peers = [
      await edge.rawConnected({ keepAlive: 0 }),
      await edge.rawConnected({ keepAlive: 600, clientId: "b" }),
    ];
    await Promise.all(peers.map((peer) => peer.closed));
    expect(edge.refused("keep-alive")).toBe(2);
  });

  test("is kept while it is the broker that does not read", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 1 } });
    edge.log.hold();
    const peer = await edge.rawConnected({ keepAlive: 1 });
    peer.send(rawPublish(TOPIC_A, "x", 1), rawPublish(TOPIC_A, "y", 2));
    await sleep(1800);
    edge.log.release();
    await peer.receive((hex) => hex.endsWith("40020002"));
  });
});

test("a throw inside a hook costs a connection, not the process", async () => {
  const log = createMemoryLogIntake({
    delayMs() {
      throw new TypeError("a bug");
    },
  });
  await using edge = await startBroker({ log });
  const peer = await edge.rawConnected();
  peer.send(rawPublish(TOPIC_A, "x"));
  expect(await peer.closed).toBe(CONNACK_ACCEPTED);
  await edge.client("b");
});

describe("a broker", () => {
  test("that finds its port taken says so and lets go of everything", async () => {
    await using edge = await startBroker();
    await expect(startBroker({ listen: { host: "127.0.0.1", port: edge.port } })).rejects.toMatchObject({
      code: "PORT_IN_USE",
    });
    await edge.client("a");
  });

  test("is ready while it listens", async () => {
    await using edge = await startBroker();
    expect(edge.broker.notReadyReasons()).toEqual([]);
    await edge.broker.stop(AbortSignal.timeout(500));
    expect(edge.broker.notReadyReasons()).toEqual(["MQTT is not listening"]);
    expect(() => edge.broker.address).toThrow(/not listening/);
  });

  test("takes no more connections than its limit", async () => {
    await using edge = await startBroker({ limits: { connectionsMax: 2 } });
    const kept = [await edge.rawConnected({ clientId: "1" }), await edge.rawConnected({ clientId: "2" })];
    const third = await edge.raw();
    expect(await third.closed).toBe("");
    expect(edge.refused("connections-total")).toBe(1);
    expect(kept.map((peer) => peer.socket.destroyed)).toEqual([false, false]);
  });
});
