import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import {
  CONNACK_ACCEPTED,
  field,
  packet,
  PINGREQ,
  rawConnect,
  rawPublish,
  rawSubscribe,
  remainingLength,
} from "../support/raw-mqtt.ts";

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);
const CONNACK = (code: number): string => `2002000${code}`;

/** What a peer sends as its first packet, the reason it is refused for, and the answer. */
const REFUSED_CONNECTS: readonly [title: string, sent: Buffer, reason: string, answer: string][] = [
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "connect-expected", ""],
  ["a PUBLISH before CONNECT", rawPublish(TOPIC_A, "x"), "connect-expected", ""],
  ["reserved header flags", Buffer.concat([bytes(0x11), rawConnect().subarray(1)]), "header-flags", ""],
  ["a remaining length of five bytes", bytes(0x10, 0xff, 0xff, 0xff, 0xff, 0x01), "remaining-length", ""],
  ["a CONNECT that ends too early", packet(0x10, field("MQTT"), [4, 2]), "packet-length", ""],
  ["bytes behind the last field", rawConnect({ rest: ["user", "token-a", "more"] }), "packet-length", ""],
  ["another protocol's name", rawConnect({ protocol: "AMQP" }), "protocol-name", ""],
  ["MQTT 3.1", rawConnect({ protocol: "MQIsdp", level: 3 }), "protocol-level", CONNACK(1)],
  ["protocol level 6", rawConnect({ level: 6 }), "protocol-level", CONNACK(1)],
  ["MQTT 5", rawConnect({ level: 5 }), "protocol-level-5", "2003008400"],
  ["the reserved CONNECT flag", rawConnect({ flags: 0xc3 }), "connect-flags", ""],
  ["a will QoS without a will", rawConnect({ flags: 0xca }), "connect-flags", ""],
  ["a will retain without a will", rawConnect({ flags: 0xe2 }), "connect-flags", ""],
  ["a password without a user name", rawConnect({ flags: 0x42, rest: ["token-a"] }), "connect-flags", ""],
  ["will QoS 3", rawConnect({ flags: 0xde, rest: [TOPIC_A, "w", "user", "token-a"] }), "will-qos", ""],
  ["an empty client id that wants a session", rawConnect({ flags: 0xc0, clientId: "" }), "client-id-empty", CONNACK(2)],
  ["a client id with blanks", rawConnect({ clientId: "two words" }), "client-id-invalid", CONNACK(2)],
  ["a client id of 129 bytes", rawConnect({ clientId: "x".repeat(129) }), "client-id-invalid", CONNACK(2)],
  ["a client id that is no UTF-8", rawConnect({ clientId: bytes(0xc3, 0x28) }), "utf8-invalid", ""],
  ["a client id with U+0000", rawConnect({ clientId: bytes(0x61, 0) }), "character-refused", ""],
  ["a user name with U+0085", rawConnect({ rest: ["\u0085", "token-a"] }), "character-refused", ""],
  ["a CONNECT over its ceiling", rawConnect({ rest: ["u".repeat(20_000), "token-a"] }), "packet-too-large", ""],
];

/** What an accepted client sends, and the reason it is closed for. */
const REFUSED_PACKETS: readonly [title: string, sent: Buffer, reason: string][] = [
  ["a second CONNECT", rawConnect(), "connect-repeated"],
  ["a CONNACK", bytes(0x20, 2, 0, 0), "packet-type"],
  ["packet type 0", bytes(0, 0), "packet-type"],
  ["packet type 15", bytes(0xf0, 0), "packet-type"],
  ["QoS 3", rawPublish(TOPIC_A, "x", 1, 6), "publish-qos"],
  ["DUP with QoS 0", rawPublish(TOPIC_A, "x", 0, 8), "publish-dup"],
  ["packet id 0", rawPublish(TOPIC_A, "x", 0, 2), "packet-id-zero"],
  ["an empty topic", rawPublish("", "x"), "topic-empty"],
  ["a wildcard in a topic", rawPublish("millrace/acme/+/telemetry", "x"), "topic-wildcard"],
  ["a topic of 257 bytes", rawPublish("t".repeat(257), "x"), "topic-too-long"],
  ["a topic of 16 levels", rawPublish("/".repeat(15), "x"), "topic-too-deep"],
  ["a topic that is no UTF-8", rawPublish(bytes(0x61, 0xff), "x"), "utf8-invalid"],
  ["a surrogate in a topic", rawPublish(bytes(0xed, 0xa0, 0x80), "x"), "utf8-invalid"],
  ["U+0000 in a topic", rawPublish("a\u0000b", "x"), "character-refused"],
  ["a control character in a topic", rawPublish("a\u001fb", "x"), "character-refused"],
  ["DEL in a topic", rawPublish("a\u007fb", "x"), "character-refused"],
  ["U+009F in a topic", rawPublish("a\u009fb", "x"), "character-refused"],
  ["U+FFFF in a topic", rawPublish("a\uffffb", "x"), "character-refused"],
  ["a topic longer than its packet", packet(0x30, [0, 200], Buffer.from("short")), "packet-length"],
  ["a payload over its ceiling", rawPublish(TOPIC_A, Buffer.alloc(128 * 1024 + 1)), "payload-too-large"],
  ["a packet over the ceiling", rawPublish(TOPIC_A, Buffer.alloc(256 * 1024)), "packet-too-large"],
  ["SUBSCRIBE with wrong flags", bytes(0x80, 6, 0, 1, 0, 1, 0x61, 0), "header-flags"],
  ["SUBSCRIBE with packet id 0", rawSubscribe([TOPIC_A], 0), "packet-id-zero"],
  ["SUBSCRIBE without filters", rawSubscribe([]), "filters-missing"],
  ["SUBSCRIBE with QoS 3", rawSubscribe([TOPIC_A], 1, 3), "subscribe-qos"],
  [
    "SUBSCRIBE with 21 filters",
    rawSubscribe(Array.from({ length: 21 }, (_, i) => `${TOPIC_A}/${i}`)),
    "filters-too-many",
  ],
  ["# inside a filter", rawSubscribe(["millrace/acme/a/#/x"]), "filter-syntax"],
  ["# behind a letter", rawSubscribe(["millrace/acme/a/x#"]), "filter-syntax"],
  ["+ beside a letter", rawSubscribe(["millrace/acme/a/x+/y"]), "filter-syntax"],
  ["an invalid string as filter", rawSubscribe([bytes(0xc0, 0xaf)]), "utf8-invalid"],
  ["UNSUBSCRIBE with wrong flags", bytes(0xa0, 5, 0, 1, 0, 1, 0x61), "header-flags"],
  ["PUBREC", bytes(0x50, 2, 0, 1), "packet-unsolicited"],
  ["PUBCOMP", bytes(0x70, 2, 0, 1), "packet-unsolicited"],
  ["PUBACK with packet id 0", bytes(0x40, 2, 0, 0), "packet-id-zero"],
  ["PUBACK of three bytes", bytes(0x40, 3, 0, 1, 0), "packet-length"],
  ["a PINGREQ with a body", bytes(0xc0, 1, 0), "packet-length"],
];

describe("a first packet that is refused", () => {
  test.each(REFUSED_CONNECTS)("%s", async (_title, sent, reason, answer) => {
    await using edge = await startBroker();
    const witness = await edge.client("b");
    const peer = await edge.raw();
    peer.send(sent);
    expect(await peer.closed).toBe(answer);
    expect(edge.refused(reason)).toBe(1);
    await witness.publishAsync("millrace/acme/b/telemetry", "still here", { qos: 1 });
  });
});

describe("a later packet that is refused", () => {
  test.each(REFUSED_PACKETS)("%s", async (_title, sent, reason) => {
    await using edge = await startBroker();
    const witness = await edge.client("b");
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "before", 77), sent, rawPublish(TOPIC_A, "behind", 78));
    expect(await peer.closed).toBe(`${CONNACK_ACCEPTED}4002004d`);
    expect(edge.refused(reason)).toBe(1);
    expect(edge.log.records.map(({ value }) => Buffer.from(value).toString())).toEqual(["before"]);
    await witness.publishAsync("millrace/acme/b/telemetry", "still here", { qos: 1 });
  });
});

describe("floods", () => {
  test("256 MB announced by an unknown peer are refused unread, however many announce them", async () => {
    await using edge = await startBroker();
    const before = process.memoryUsage();
    const peers = await Promise.all(Array.from({ length: 20 }, () => edge.raw()));
    for (const peer of peers) peer.send(bytes(0x10), remainingLength(268_435_455), Buffer.alloc(10_000));
    await Promise.all(peers.map((peer) => peer.closed));
    const after = process.memoryUsage();
    expect(edge.refused("packet-too-large")).toBe(20);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
  });

  test("4,000 filters in one SUBSCRIBE cost one connection and no time", async () => {
    await using edge = await startBroker();
    const witness = await edge.client("b");
    const peer = await edge.rawConnected();
    peer.send(rawSubscribe(Array.from({ length: 4000 }, (_, i) => `millrace/acme/a/${i}`)));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(edge.refused("filters-too-many")).toBe(1);
    await witness.publishAsync("millrace/acme/b/telemetry", "x", { qos: 1 });
  });

  test("filters are counted per connection too, and UNSUBSCRIBE gives them back", async () => {
    await using edge = await startBroker({ limits: { filtersPerConnectionMax: 3 } });
    const client = await edge.client("a");
    await client.subscribeAsync(["millrace/acme/a/1", "millrace/acme/a/2", "millrace/acme/a/3"]);
    await client.unsubscribeAsync("millrace/acme/a/2");
    await client.subscribeAsync("millrace/acme/a/4");
    expect(await client.subscribeAsync("millrace/acme/a/5").catch(String)).toContain("Unspecified error");
    expect(edge.filtersRefused("filters-per-connection")).toBe(1);
    await client.publishAsync(TOPIC_A, "x", { qos: 1 });
  });

  test("300 connections of garbage leave the broker serving", async () => {
    await using edge = await startBroker();
    let random = 1;
    const garbage = (): Buffer =>
      Buffer.from(Array.from({ length: 64 }, () => (random = (random * 48_271) % 0x7fffffff) & 0xff));
    for (let round = 0; round < 6; round++) {
      const peers = await Promise.all(Array.from({ length: 50 }, () => edge.raw()));
      peers.forEach((peer, index) => {
        if (index % 2 === 0) peer.send(garbage());
        else peer.send(rawConnect(), garbage());
        if (index % 3 === 0) peer.socket.resetAndDestroy();
      });
      // Some garbage is the beginning of a packet, for whose rest the broker waits.
      await Promise.race([Promise.all(peers.map((peer) => peer.closed)), sleep(300)]);
      for (const peer of peers) peer.socket.destroy();
    }
    await eventually(() => edge.broker.connections === 0, "all are gone");
    const client = await edge.client("a");
    await client.publishAsync(TOPIC_A, "x", { qos: 1 });
  });

  test("silent peers are dropped in time, and no more of them are let in than the limit", async () => {
    await using edge = await startBroker({ limits: { connectTimeoutMs: 300, unauthenticatedConnectionsMax: 5 } });
    const peers = await Promise.all(Array.from({ length: 8 }, () => edge.raw()));
    await eventually(() => edge.refused("connections-unauthenticated") === 3, "three are too many");
    await Promise.all(peers.map((peer) => peer.closed));
    expect(edge.refused("connect-timeout")).toBe(5);
    await edge.client("a");
  });

  test("a crowd of strangers that say nothing, or nothing whole, keeps no device out", async () => {
    await using edge = await startBroker({ limits: { unauthenticatedConnectionsMax: 5 } });
    const strangers = await Promise.all(Array.from({ length: 5 }, () => edge.raw()));
    strangers[0]?.send(rawConnect().subarray(0, 5));
    const device = await edge.client("a");
    await device.publishAsync(TOPIC_A, "x", { qos: 1 });
    await strangers[0]?.closed;
    expect(edge.refused("connections-unauthenticated")).toBe(1);
  });

  test("whoever waits for its CONNACK makes no room for a stranger", async () => {
    const authenticator = { authenticate: () => new Promise<null>(() => undefined) };
    await using edge = await startBroker({ authenticator, limits: { unauthenticatedConnectionsMax: 1 } });
    const first = await edge.raw();
    first.send(rawConnect());
    await sleep(50);
    await (
      await edge.raw()
    ).closed;
    expect(edge.refused("connections-unauthenticated")).toBe(1);
    expect(first.socket.closed).toBe(false);
  });

  test("a CONNECT that trickles in does not extend its time", async () => {
    await using edge = await startBroker({ limits: { connectTimeoutMs: 200 } });
    const peer = await edge.raw();
    const drip = setInterval(() => peer.send(bytes(0x10)), 20);
    peer.send(rawConnect().subarray(0, 5));
    await peer.closed;
    clearInterval(drip);
    expect(edge.refused("connect-timeout") + edge.refused("packet-length")).toBe(1);
  });

  test("pings whose answers are never read stop being read", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 64 * 1024 }, () => PINGREQ));
    let taken = 0;
    const enough = 32 * 1024 * 1024;
    while (taken < enough && (await writeWithin(peer.socket, pings, 1000))) taken += pings.length;
    // What the kernel's buffers of both directions hold, and not a stream without end.
    expect(taken).toBeLessThan(enough);
    const client = await edge.client("b");
    await client.publishAsync("millrace/acme/b/telemetry", "x", { qos: 1 });
    expect(edge.broker.connections).toBe(2);
  });

  test("behind a refused CONNECT do not take its answer away", async () => {
    await using edge = await startBroker();
    const peer = await edge.raw();
    peer.send(rawConnect({ rest: ["user", "wrong"] }), Buffer.alloc(8 * 1024 * 1024));
    expect(await peer.closed).toBe(CONNACK(5));
    expect(peer.socket.errored).toBeNull();
  });
});

/** False when the socket has not taken the bytes in time. Gives the broker, which shares this thread, a turn. */
async function writeWithin(socket: Socket, bytes: Buffer, timeoutMs: number): Promise<boolean> {
  const taken = new Promise<boolean>((resolve) => {
    socket.write(bytes, (error) => setTimeout(resolve, 1, !error));
  });
  return Promise.race([taken, sleep(timeoutMs, false)]);
}
