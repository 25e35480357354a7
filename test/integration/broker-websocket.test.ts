import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync, type MqttClient } from "mqtt";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { HEADER } from "../../core/record.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import { collect, ended } from "../support/gateway-harness.ts";
import { CONNACK_ACCEPTED, DISCONNECT, openRaw, PINGREQ, rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const puback = (packetId: number): string => `4002${packetId.toString(16).padStart(4, "0")}`;

interface Peer {
  readonly socket: WebSocket;
  /** Everything received so far, in hex. */
  received(): string;
  /** The close code. */
  readonly closed: Promise<number>;
}

async function openPeer(edge: BrokerHarness, options = {}): Promise<Peer> {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.ingestPort}/mqtt`, ["mqtt"], options);
  let hex = "";
  socket.on("message", (bytes: Buffer) => (hex += bytes.toString("hex")));
  socket.on("error", () => undefined);
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await once(socket, "open");
  return { socket, received: () => hex, closed };
}

async function openConnected(edge: BrokerHarness): Promise<Peer> {
  const peer = await openPeer(edge);
  peer.socket.send(rawConnect());
  await eventually(() => peer.received() === CONNACK_ACCEPTED, "the CONNACK");
  return peer;
}

/** The status of the answer to an upgrade request that is refused. */
async function refusedStatus(edge: BrokerHarness, path: string, protocols: string[]): Promise<number | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.ingestPort}${path}`, protocols);
  socket.on("error", () => undefined);
  const [, response] = await once(socket, "unexpected-response");
  socket.terminate();
  return (response as { statusCode?: number }).statusCode;
}

function client(edge: BrokerHarness, device: "a" | "b"): Promise<MqttClient> {
  const url = `ws://127.0.0.1:${edge.ingestPort}/mqtt`;
  return connectAsync(url, { username: device, password: `token-${device}`, clientId: "pump-7", reconnectPeriod: 0 });
}

const values = (edge: BrokerHarness): string[] => edge.log.records.map(({ value }) => Buffer.from(value).toString());

describe("MQTT over WebSocket", () => {
  test("publishes, subscribes and is counted as MQTT over TCP is", async () => {
    await using edge = await startBroker();
    const a = await client(edge, "a");
    await a.subscribeAsync(TOPIC_A, { qos: 1 });
    const received = collect(a);
    await a.publishAsync(TOPIC_A, "over a WebSocket", { qos: 1 });
    await eventually(() => received.length === 1, "it is delivered");
    expect(received).toEqual([`${TOPIC_A} over a WebSocket`]);
    expect(values(edge)).toEqual(["over a WebSocket"]);
    expect(Object.fromEntries(edge.log.records[0]?.headers ?? [])[HEADER.clientId]).toBe("pump-7");
    expect(edge.broker.connections).toBe(1);
    expect(edge.broker.connectedOf(["acme/a"])).toEqual(["acme/a"]);
    await a.endAsync();
    await eventually(() => edge.broker.connections === 0, "it is gone");
  });

  test("is taken over by the same client over TCP, and kept from other devices' topics", async () => {
    await using edge = await startBroker();
    const first = await client(edge, "a");
    const closed = ended(first);
    const second = await edge.client("a", { clientId: "pump-7" });
    await closed;
    expect(edge.refused("taken-over")).toBe(1);
    second.publish(TOPIC_B, "x", { qos: 1 });
    await eventually(() => edge.refused("publish-topic") === 1, "it is refused");
  });

  test("takes packets as they come: several in a frame, one in several frames, a frame in fragments", async () => {
    await using edge = await startBroker();
    const peer = await openPeer(edge);
    const bytes = Buffer.concat([rawConnect(), rawPublish(TOPIC_A, "one", 1), rawPublish(TOPIC_A, "two", 2)]);
    for (let at = 0; at < bytes.length; at += 7) peer.socket.send(bytes.subarray(at, at + 7));
    const more = Buffer.concat([rawPublish(TOPIC_A, "three", 3), rawPublish(TOPIC_A, "four", 4)]);
    peer.socket.send(more.subarray(0, 5), { fin: false });
    peer.socket.send(more.subarray(5));
    await eventually(() => peer.received() === CONNACK_ACCEPTED + [1, 2, 3, 4].map(puback).join(""), "all PUBACKs");
    expect(values(edge)).toEqual(["one", "two", "three", "four"]);
    peer.socket.terminate();
  });

  test("admits what came before the client closed, though nobody reads the acknowledgement", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const peer = await openConnected(edge);
    peer.socket.send(rawPublish(TOPIC_A, "last words", 1));
    peer.socket.send(DISCONNECT);
    peer.socket.close(1000);
    expect(await peer.closed).toBe(1000);
    await eventually(() => edge.log.waiting.length === 1, "the append is asked for");
    edge.log.release();
    await eventually(() => edge.broker.connections === 0, "the connection is over");
    expect(values(edge)).toEqual(["last words"]);
  });

  test("publishes the will of a client whose connection breaks", async () => {
    await using edge = await startBroker();
    const peer = await openPeer(edge);
    peer.socket.send(rawConnect({ flags: 0xc6, rest: [TOPIC_A, "gone", "user", "token-a"] }));
    await eventually(() => peer.received() === CONNACK_ACCEPTED, "the CONNACK");
    peer.socket.terminate();
    await eventually(() => edge.log.records.length === 1, "the will");
    expect(values(edge)).toEqual(["gone"]);
  });

  test("is told why it may not connect, and closed in order", async () => {
    await using edge = await startBroker();
    const peer = await openPeer(edge);
    peer.socket.send(rawConnect({ rest: ["user", "wrong"] }));
    expect(await peer.closed).toBe(1000);
    expect(peer.received()).toBe("20020005");
  });

  test("ends when its credential is revoked, and when the broker stops", async () => {
    await using edge = await startBroker();
    const revoked = await openConnected(edge);
    edge.broker.disconnect(["acme/a"]);
    expect(await revoked.closed).toBe(1006);
    const last = await openConnected(edge);
    await edge.broker.stop(AbortSignal.timeout(5000));
    expect(await last.closed).toBe(1000);
  });

  test("may come from any page, because no cookie is looked at", async () => {
    await using edge = await startBroker();
    const peer = await openPeer(edge, { origin: "https://elsewhere.example" });
    peer.socket.send(rawConnect());
    await eventually(() => peer.received() === CONNACK_ACCEPTED, "the CONNACK");
    peer.socket.terminate();
  });

  test("is not compressed, even when the client offers it", async () => {
    await using edge = await startBroker();
    const peer = await openPeer(edge, { perMessageDeflate: true });
    expect(peer.socket.extensions).toBe("");
    expect(peer.socket.protocol).toBe("mqtt");
    peer.socket.terminate();
  });
});

test("a WebSocket is answered with the sub-protocol mqtt, whatever else its client offers [MQTT-6.0.0-4]", async () => {
  await using edge = await startBroker();
  const socket = new WebSocket(`ws://127.0.0.1:${edge.ingestPort}/mqtt`, ["mqttv3.1", "mqtt", "other"]);
  await once(socket, "open");
  expect(socket.protocol).toBe("mqtt");
  socket.terminate();
});

describe("a WebSocket that is refused", () => {
  test.each([
    ["/mqtt", [], 400],
    ["/mqtt", ["mqttv3.1"], 400],
    ["/elsewhere", ["mqtt"], 404],
    ["/v1/telemetry", ["mqtt"], 405],
  ])("%s with the subprotocols %j", async (path, protocols, status) => {
    await using edge = await startBroker();
    expect(await refusedStatus(edge, path, protocols)).toBe(status);
  });

  test("for a text frame", async () => {
    await using edge = await startBroker();
    const peer = await openConnected(edge);
    peer.socket.send(PINGREQ.toString("latin1"));
    expect(await peer.closed).toBe(1003);
    expect(edge.refused("websocket-frame")).toBe(1);
  });

  test("for a frame over the ceiling", async () => {
    await using edge = await startBroker({ limits: { websocketFrameBytesMax: 1000 } });
    const peer = await openConnected(edge);
    peer.socket.send(Buffer.alloc(1001));
    expect(await peer.closed).toBe(1009);
    expect(edge.refused("websocket-frame")).toBe(1);
  });

  test("for a frame in more pieces than there may be", async () => {
    await using edge = await startBroker({ limits: { websocketPiecesMax: 4 } });
    const peer = await openConnected(edge);
    for (let piece = 0; piece < 5; piece++) peer.socket.send(Buffer.alloc(1), { fin: false });
    expect(await peer.closed).toBe(1008);
    expect(edge.refused("websocket-frame")).toBe(1);
  });

  test("for a first frame that is longer than a CONNECT may be, before all of it is there", async () => {
    await using edge = await startBroker();
    const peer = await openRaw(edge.ingestPort);
    const head = "GET /mqtt HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    const more =
      "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: mqtt\r\n\r\n";
    peer.send(Buffer.from(head + more));
    await peer.receive((hex) => Buffer.from(hex, "hex").toString().startsWith("HTTP/1.1 101"));
    // A masked binary frame of 300,000 bytes.
    peer.send(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 4, 0x93, 0xe0, 0, 0, 0, 0]), Buffer.alloc(40_000));
    await peer.closed;
    expect(edge.refused("websocket-frame")).toBe(1);
  });

  test("when it says nothing, as on TCP", async () => {
    await using edge = await startBroker({ limits: { connectTimeoutMs: 100 } });
    const peer = await openPeer(edge);
    expect(await peer.closed).toBe(1000);
    expect(edge.refused("connect-timeout")).toBe(1);
  });

  test("when there are too many", async () => {
    await using edge = await startBroker({ limits: { connectionsMax: 1 } });
    await openConnected(edge);
    const second = await openPeer(edge);
    await second.closed;
    expect(edge.refused("connections-total")).toBe(1);
  });
});

describe("a WebSocket and back-pressure", () => {
  test("is not read while too many messages wait for the log, and goes on when they are durable", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 3 } });
    edge.log.hold();
    const peer = await openConnected(edge);
    const payload = Buffer.alloc(100 * 1024, "x");
    for (let id = 1; id <= 300; id++) peer.socket.send(rawPublish(TOPIC_A, payload, id));
    await eventually(() => edge.log.waiting.length === 3, "three are being appended");
    await sleep(200);
    expect(edge.log.waiting).toHaveLength(3);
    // Of 30 MB the kernel's buffers and the stream's hold a part; the rest is still at the client.
    expect(peer.socket.bufferedAmount).toBeGreaterThan(5 * 1024 * 1024);
    const pump = setInterval(() => edge.log.release(), 1);
    edge.log.release();
    await eventually(() => peer.received().endsWith(puback(300)), "all are acknowledged");
    clearInterval(pump);
    expect(edge.log.records).toHaveLength(300);
    peer.socket.terminate();
  });

  test("that is over its rate is not read, and loses nothing", async () => {
    await using edge = await startBroker({ limits: { messagesPerSecondPerConnectionMax: 100, publishBurstMs: 100 } });
    const peer = await openConnected(edge);
    for (let id = 1; id <= 110; id++) peer.socket.send(rawPublish(TOPIC_A, `message ${id}`, id));
    await eventually(() => peer.received().endsWith(puback(110)), "all are acknowledged");
    expect(values(edge)).toEqual(Array.from({ length: 110 }, (_, index) => `message ${index + 1}`));
    expect(edge.gauge("millrace_mqtt_paused_total", { by: "connection" })).toBeGreaterThan(5);
    peer.socket.terminate();
  });

  test("what follows a CONNECT that is being looked up waits outside", async () => {
    const known = Promise.withResolvers<{ kind: "device"; tenant: string; id: string }>();
    await using edge = await startBroker({ authenticator: { authenticate: () => known.promise } });
    const peer = await openPeer(edge);
    const payload = Buffer.alloc(100 * 1024, "x");
    peer.socket.send(rawConnect());
    for (let id = 1; id <= 300; id++) peer.socket.send(rawPublish(TOPIC_A, payload, id));
    await sleep(200);
    expect(peer.socket.bufferedAmount).toBeGreaterThan(5 * 1024 * 1024);
    known.resolve({ kind: "device", tenant: "acme", id: "a" });
    await eventually(() => peer.received().endsWith(puback(300)), "all are acknowledged");
    peer.socket.terminate();
  });

  test("a frame that is not whole waits outside too while a CONNECT is being looked up", async () => {
    const authenticator = { authenticate: () => new Promise<null>(() => undefined) };
    await using edge = await startBroker({ authenticator, limits: { websocketFrameBytesMax: 64 * 1024 * 1024 } });
    const peer = await openPeer(edge);
    peer.socket.send(rawConnect());
    peer.socket.send(Buffer.alloc(40 * 1024 * 1024));
    await sleep(300);
    expect(peer.socket.bufferedAmount).toBeGreaterThan(20 * 1024 * 1024);
    peer.socket.terminate();
  });
});
