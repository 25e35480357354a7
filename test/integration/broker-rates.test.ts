import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import { CONNACK_ACCEPTED, DISCONNECT, PINGREQ, rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const NO_WAIT_MS = 1000;

/** So many messages of QoS 1, and the acknowledgements that they are to get. */
function messages(topic: string, count: number, from = 1) {
  const ids = Array.from({ length: count }, (_, index) => from + index);
  return {
    bytes: Buffer.concat(ids.map((id) => rawPublish(topic, `message ${id}`, id))),
    acknowledgements: ids.map((id) => `4002${id.toString(16).padStart(4, "0")}`).join(""),
    payloads: ids.map((id) => `message ${id}`),
  };
}

/** 50 at once. */
const SLOW = { messagesPerSecondPerConnectionMax: 200, publishBurstMs: 250 };

describe("a publisher that is over its rate", () => {
  test("is slowed, every message is acknowledged once and in order, and a neighbour is not slowed", async () => {
    await using edge = await startBroker({ limits: SLOW });
    const fast = await edge.rawConnected();
    const neighbour = await edge.client("b");
    const sent = messages(TOPIC_A, 300);
    const before = performance.now();
    fast.send(sent.bytes);
    await eventually(() => edge.gauge("millrace_mqtt_paused_total", { by: "connection" }) > 0, "it is paused");
    const asked = performance.now();
    await neighbour.publishAsync(TOPIC_B, "at once", { qos: 1 });
    expect(performance.now() - asked).toBeLessThan(NO_WAIT_MS);
    expect(fast.received().length).toBeLessThan(sent.acknowledgements.length);
    await fast.receive((hex) => hex.length >= CONNACK_ACCEPTED.length + sent.acknowledgements.length);
    // 50 at once, 250 at 200 per second.
    expect(performance.now() - before).toBeGreaterThan(1200);
    expect(fast.received()).toBe(CONNACK_ACCEPTED + sent.acknowledgements);
    const records = edge.log.records.map(({ value }) => Buffer.from(value).toString());
    expect(records.filter((text) => text !== "at once")).toEqual(sent.payloads);
    expect(edge.gauge("millrace_mqtt_paused_seconds_total", { by: "connection" })).toBeGreaterThan(0.5);
  });

  test("is not lost by its silence: what it sent meanwhile was not read", async () => {
    await using edge = await startBroker({
      limits: { messagesPerSecondPerConnectionMax: 1, publishBurstMs: 1000, keepAliveSecondsMax: 1 },
    });
    const peer = await edge.rawConnected({ keepAlive: 1 });
    peer.send(messages(TOPIC_A, 3).bytes, PINGREQ);
    await peer.receive((hex) => hex.endsWith("d000"));
    expect(edge.refused("keep-alive")).toBe(0);
    // And from then on its own silence counts.
    await peer.closed;
    expect(edge.refused("keep-alive")).toBe(1);
  });

  test("may say goodbye, or close its side: what it sent before still counts", async () => {
    await using edge = await startBroker({ limits: SLOW });
    const one = await edge.rawConnected({ clientId: "one" });
    const two = await edge.rawConnected({ clientId: "two" });
    one.send(messages(TOPIC_A, 120).bytes, DISCONNECT);
    two.send(messages(TOPIC_A, 120).bytes);
    two.socket.end();
    await Promise.all([one.closed, two.closed]);
    expect(edge.log.records).toHaveLength(240);
  });

  test("is not read: it cannot send without end", async () => {
    await using edge = await startBroker({ limits: { payloadBytesPerSecondPerConnectionMax: 100_000 } });
    const peer = await edge.rawConnected();
    const enough = 64 * 1024 * 1024;
    const chunk = Buffer.concat(Array.from({ length: 16 }, () => rawPublish(TOPIC_A, Buffer.alloc(65_536), 0, 0)));
    let taken = 0;
    const full = (): Promise<boolean> =>
      Promise.race([new Promise<boolean>((done) => peer.socket.write(chunk, () => done(false))), sleep(500, true)]);
    while (taken < enough && !(await full())) taken += chunk.length;
    expect(taken).toBeLessThan(enough);
    expect(edge.log.records.length * 65_536).toBeLessThan(4 * 1024 * 1024);
  });
});

describe("the rate of a device", () => {
  const limits = { messagesPerSecondPerDeviceMax: 200, publishBurstMs: 250 };

  test("is one for all its connections, and both get on", async () => {
    await using edge = await startBroker({ limits });
    const one = await edge.rawConnected({ clientId: "one" });
    const two = await edge.rawConnected({ clientId: "two" });
    const sent = messages(TOPIC_A, 150);
    const before = performance.now();
    one.send(sent.bytes);
    two.send(sent.bytes);
    const all = CONNACK_ACCEPTED + sent.acknowledgements;
    await Promise.all([one, two].map((peer) => peer.receive((hex) => hex.length >= all.length)));
    expect(performance.now() - before).toBeGreaterThan(1200);
    expect([one.received(), two.received()]).toEqual([all, all]);
    expect(edge.gauge("millrace_mqtt_paused_total", { by: "device" })).toBeGreaterThan(0);
  });

  test("holds over HTTP too: 429, and when to come again", async () => {
    await using edge = await startBroker({ limits: { messagesPerSecondPerDeviceMax: 1, publishBurstMs: 1000 } });
    const post = (): Promise<Response> =>
      fetch(`http://127.0.0.1:${edge.ingestPort}/v1/telemetry`, {
        method: "POST",
        headers: { authorization: "Bearer token-a", "content-type": "application/json" },
        body: "{}",
      });
    const answers = await Promise.all(Array.from({ length: 10 }, post));
    const refused = answers.filter(({ status }) => status === 429);
    expect(edge.log.records).toHaveLength(10 - refused.length);
    expect(edge.requests("device-too-fast")).toBe(refused.length);
    expect(await refused[0]?.json()).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(refused[0]?.headers.get("retry-after")).toBe("1");
    await sleep(1100);
    expect((await post()).status).toBe(204);
  });
});

test("a device that connects again and again is refused as unavailable, and the connection that it has stays", async () => {
  await using edge = await startBroker({ limits: { connectsPerSecondPerDeviceMax: 1, connectBurstMs: 3000 } });
  const kept = await edge.rawConnected({ clientId: "kept" });
  let answer = CONNACK_ACCEPTED;
  for (let i = 0; i < 50 && answer === CONNACK_ACCEPTED; i++) {
    const peer = await edge.raw();
    peer.send(rawConnect());
    answer = await peer.receive((hex) => hex.length >= CONNACK_ACCEPTED.length);
  }
  expect(answer).toBe("20020003");
  expect(edge.refused("connects-per-device")).toBe(1);
  kept.send(PINGREQ);
  await kept.receive((hex) => hex.endsWith("d000"));
  await edge.client("b");
});
