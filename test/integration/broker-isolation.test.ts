import { setTimeout as sleep } from "node:timers/promises";
import type { MqttClient } from "mqtt";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import {
  CONNACK_ACCEPTED,
  CONNACK_PRESENT,
  PINGREQ,
  rawConnect,
  rawPublish,
  rawSubscribe,
} from "../support/raw-mqtt.ts";

function collect(client: MqttClient): string[] {
  const received: string[] = [];
  client.on("message", (topic, payload) => received.push(`${topic} ${payload.toString()}`));
  return received;
}

const REFUSED: readonly [title: string, connect: Buffer, reason: string, code: number][] = [
  ["a wrong token", rawConnect({ rest: ["user", "wrong"] }), "credentials-refused", 5],
  ["an admin's token", rawConnect({ rest: ["user", "token-admin"] }), "credentials-refused", 5],
  ["no credentials", rawConnect({ flags: 0x02, rest: [] }), "credentials-missing", 5],
  ["an empty user name", rawConnect({ rest: ["", "token-a"] }), "credentials-missing", 5],
  ["a token of 513 bytes", rawConnect({ rest: ["user", "t".repeat(513)] }), "credentials-malformed", 4],
  ["a token that is no text", rawConnect({ rest: ["user", Buffer.from([0xff])] }), "credentials-malformed", 4],
  ["a will on another's topic", rawConnect({ flags: 0xc6, rest: [TOPIC_B, "w", "u", "token-a"] }), "will-topic", 5],
  ["a will under $SYS", rawConnect({ flags: 0xc6, rest: ["$SYS/x", "w", "u", "token-a"] }), "will-topic", 5],
];

describe("who may connect", () => {
  test.each(REFUSED)("not %s", async (_title, connect, reason, code) => {
    await using edge = await startBroker();
    const peer = await edge.raw();
    peer.send(connect, rawPublish(TOPIC_A, "x"));
    expect(await peer.closed).toBe(`2002000${code}`);
    expect(edge.refused(reason)).toBe(1);
    expect(edge.log.records).toEqual([]);
  });

  test.each([
    ["a will on another's topic", { flags: 0xc6, rest: [TOPIC_B, "w", "u", "token-a"] }, "will-topic"],
    ["a device's connection too many", {}, "connections-per-device"],
  ])("not %s, and the log says whose it was", async (_title, connect, reason) => {
    const lines: object[] = [];
    const logger = { ...silentLogger, info: (fields: object) => void lines.push(fields) };
    await using edge = await startBroker({ logger, limits: { connectionsPerDeviceMax: 1 } });
    await edge.client("a", { clientId: "first" });
    const peer = await edge.raw();
    peer.send(rawConnect({ clientId: "pump-7", ...connect }));
    await peer.closed;
    expect(lines.filter((line) => "reason" in line)).toMatchObject([{ reason, key: "acme/a", clientId: "pump-7" }]);
  });

  test("a ThingsBoard client whose will is on a topic that is dropped: the will is dropped too", async () => {
    await using edge = await startBroker();
    const peer = await edge.raw();
    peer.send(rawConnect({ flags: 0xc6, rest: ["v1/devices/me/attributes", '{"active":false}', "u", "token-a"] }));
    expect(await peer.receive((hex) => hex.length >= 8)).toBe("20020000");
    peer.socket.destroy();
    const client = await edge.client("b");
    await client.publishAsync(TOPIC_B, "behind", { qos: 1 });
    expect(edge.log.records.map(({ value }) => Buffer.from(value).toString())).toEqual(["behind"]);
  });

  test("the owner of a token, with any client id or none", async () => {
    await using edge = await startBroker();
    for (const clientId of ["mosq-Ab3dE", "auto-1B2C", "__proto__", "constructor", ""]) {
      const client = await edge.client("a", { clientId });
      await client.publishAsync(TOPIC_A, "x", { qos: 1 });
    }
    expect(edge.broker.connections).toBe(5);
    expect(edge.log.records).toHaveLength(5);
  });

  test("nobody while the registry cannot say", async () => {
    const failing = { authenticate: () => Promise.reject(new MillraceError("REGISTRY_IO", "no disk")) };
    await using edge = await startBroker({ authenticator: failing });
    const peer = await edge.raw();
    peer.send(rawConnect());
    expect(await peer.closed).toBe("20020003");
  });

  test("nobody whose authentication takes too long", async () => {
    const silent = { authenticate: () => new Promise<null>(() => undefined) };
    await using edge = await startBroker({ authenticator: silent, limits: { authenticateTimeoutMs: 50 } });
    const peer = await edge.raw();
    peer.send(rawConnect());
    expect(await peer.closed).toBe("20020003");
    expect(edge.refused("authenticate-timeout")).toBe(1);
  });

  test("no device more often than its limit", async () => {
    await using edge = await startBroker({ limits: { connectionsPerDeviceMax: 2 } });
    await edge.client("a", { clientId: "1" });
    await edge.client("a", { clientId: "2" });
    const peer = await edge.raw();
    peer.send(rawConnect({ clientId: "3" }));
    expect(await peer.closed).toBe("20020003");
    await edge.client("b");
  });
});

describe("what a device may publish", () => {
  test.each([
    TOPIC_B,
    "millrace/acme/a",
    "millrace/acme/a/telemetry/x",
    "millrace/other/a/telemetry",
    "$SYS/x/new/clients",
  ])("not %s: the connection closes without an acknowledgement", async (topic) => {
    await using edge = await startBroker();
    const victim = await edge.client("b", { clientId: "victim" });
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "mine", 1), rawPublish(topic, "victim", 2), rawPublish(TOPIC_A, "mine", 3));
    expect(await peer.closed).toBe(`${CONNACK_ACCEPTED}40020001`);
    expect(edge.refused("publish-topic")).toBe(1);
    expect(edge.log.records.map(({ key }) => key)).not.toContain("acme/b");
    await victim.publishAsync(TOPIC_B, "still here", { qos: 1 });
  });
});

describe("what ThingsBoard's firmware says besides telemetry", () => {
  test("is acknowledged, counted and dropped, and reaches nobody, retained or not", async () => {
    await using edge = await startBroker();
    const [a, b] = [await edge.client("a"), await edge.client("b")];
    const received = [collect(a), collect(b)];
    const own = ["v1/devices/me/attributes", "v1/devices/me/attributes/response/+", "v1/devices/me/rpc/request/+"];
    for (const client of [a, b]) await client.subscribeAsync(own, { qos: 1 });
    await a.publishAsync("v1/devices/me/attributes", '{"fw":"1.2"}', { qos: 1, retain: true });
    await a.publishAsync("v1/devices/me/attributes/request/1", '{"clientKeys":"fw"}', { qos: 1 });
    await a.publishAsync("v1/devices/me/rpc/response/1", "{}", { qos: 0 });
    await a.publishAsync("v1/devices/me/telemetry", '{"t":1}', { qos: 1 });
    expect(edge.log.records).toHaveLength(1);
    expect(edge.dropped()).toBe(3);
    expect(received).toEqual([[], []]);
    expect(edge.broker.connectedOf(["acme/a", "acme/nobody"])).toEqual(["acme/a"]);
  });

  test("ends there: a topic that is none of these still ends the connection", async () => {
    await using edge = await startBroker();
    for (const topic of ["v1/devices/me/attributesX", "v1/devices/other/attributes", "v1/gateway/attributes"]) {
      const peer = await edge.rawConnected();
      peer.send(rawPublish(topic, "{}"));
      expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    }
    expect([edge.refused("publish-topic"), edge.refused("publish-gateway")]).toEqual([2, 1]);
  });
});

describe("what a device may subscribe to", () => {
  test("its own topics", async () => {
    await using edge = await startBroker();
    const client = await edge.client("a");
    const received = collect(client);
    await client.subscribeAsync(["millrace/acme/a/#", "v1/devices/me/rpc/request/+"], { qos: 1 });
    await client.publishAsync(TOPIC_A, "echo", { qos: 1 });
    await eventually(() => received.length === 1, "the echo");
    expect(received).toEqual([`${TOPIC_A} echo`]);
  });

  test.each([
    "#",
    "+/#",
    "$SYS/#",
    "millrace/#",
    "millrace/acme/+/telemetry",
    "millrace/acme/b/#",
    "v1/#",
    "+/acme/a/#",
  ])("not %s", async (filter) => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(rawSubscribe([filter, `$share/g/${filter}`]), PINGREQ);
    // The connection goes on, and SUBACK says which filters are refused (3.9.3).
    expect(await peer.receive((hex) => hex.includes("d000"))).toBe(`${CONNACK_ACCEPTED}d00090040001${"80".repeat(2)}`);
    expect(edge.filtersRefused("filter-foreign")).toBe(2);
    const b = await edge.client("b");
    await b.publishAsync(TOPIC_B, "secret", { qos: 1 });
    await sleep(20);
    expect(peer.received()).not.toContain(Buffer.from("secret").toString("hex"));
  });

  test("only its own of a packet that asks for another's too, and so it stays in a session that is kept", async () => {
    await using edge = await startBroker();
    const connect = { clientId: "sly", flags: 0xc0 };
    const peer = await edge.rawConnected(connect);
    peer.send(rawSubscribe(["millrace/acme/a/#", "millrace/acme/b/#"]));
    await peer.receive((hex) => hex.endsWith("900400010080"));
    peer.socket.destroy();
    const again = await edge.raw();
    again.send(rawConnect(connect));
    await again.receive((hex) => hex === CONNACK_PRESENT);
    const [a, b] = [await edge.client("a"), await edge.client("b")];
    await b.publishAsync(TOPIC_B, "secret", { qos: 1 });
    await a.publishAsync(TOPIC_A, "own", { qos: 1 });
    const own = rawPublish(TOPIC_A, "own", 0, 0).toString("hex");
    expect(await again.receive((hex) => hex.includes(own))).toBe(CONNACK_PRESENT + own);
  });

  test("and the words that all devices share deliver nothing of another device", async () => {
    await using edge = await startBroker();
    const [a, b] = [await edge.client("a"), await edge.client("b")];
    const received = collect(b);
    await b.subscribeAsync(["v1/devices/me/#", "millrace/acme/b/#"], { qos: 1 });
    await a.publishAsync("v1/devices/me/telemetry", "secret", { qos: 1 });
    await b.publishAsync("v1/devices/me/telemetry", "own", { qos: 1 });
    await eventually(() => received.length > 0, "its own message");
    expect(received).toEqual([`${TOPIC_B} own`]);
  });

  test("and one that does not read what it asked for is closed, while others go on", async () => {
    await using edge = await startBroker({ limits: { subscriberQueueBytesMax: 64 * 1024 } });
    const frozen = await edge.rawConnected({ clientId: "frozen" });
    frozen.send(rawSubscribe(["millrace/acme/a/#"]));
    await frozen.receive((hex) => hex.includes("9003"));
    frozen.socket.pause();
    const publisher = await edge.client("a");
    const payload = Buffer.alloc(100_000);
    for (let i = 0; i < 200 && edge.refused("subscriber-slow") === 0; i++) {
      await publisher.publishAsync(TOPIC_A, payload, { qos: 1 });
    }
    expect(edge.refused("subscriber-slow")).toBe(1);
    await publisher.publishAsync(TOPIC_A, "on", { qos: 1 });
  });
});
