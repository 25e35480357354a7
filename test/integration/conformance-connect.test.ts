import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { silentLogger } from "../../core/logger.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import {
  CONNACK_ACCEPTED,
  CONNACK_PRESENT,
  DISCONNECT,
  field,
  heard,
  packet,
  PINGREQ,
  type RawConnect,
  rawConnect,
  rawPublish,
  rawSubscribe,
  type RawPeer,
} from "../support/raw-mqtt.ts";

const FEFF = "\ufeff";
const hex = (...packets: readonly Uint8Array[]): string => Buffer.concat(packets).toString("hex");

/** What CONNECT is answered with; of a refused one all that comes until the connection is closed. */
async function answerTo(edge: BrokerHarness, connect: RawConnect): Promise<string> {
  const peer = await edge.raw();
  peer.send(rawConnect(connect));
  return heard(peer, CONNACK_ACCEPTED);
}

/** A client that gets all of the device's messages, with QoS 2. */
async function witness(edge: BrokerHarness): Promise<RawPeer> {
  const peer = await edge.rawConnected({ clientId: "witness" });
  peer.send(rawSubscribe(["millrace/acme/a/#"], 1, 2));
  await peer.receive((received) => received.endsWith("9003000102"));
  return peer;
}

describe("CONNECT", () => {
  test.each<readonly [title: string, connect: RawConnect, answer: string]>([
    ["a client id of one character [MQTT-3.1.3-5]", { clientId: "0" }, CONNACK_ACCEPTED],
    ["a client id of 23 letters and digits [MQTT-3.1.3-5]", { clientId: "ABCXYZabcxyz01234567890" }, CONNACK_ACCEPTED],
    ["a user name that is announced and missing [MQTT-3.1.2-19]", { flags: 0x82, rest: [] }, ""],
    ["a user name that is not announced [MQTT-3.1.2-18]", { flags: 0x02, rest: ["user"] }, ""],
    ["a password that is announced and missing [MQTT-3.1.2-21]", { flags: 0xc2, rest: ["user"] }, ""],
    ["a password that is not announced [MQTT-3.1.2-20]", { flags: 0x82, rest: ["token-a", "token-a"] }, ""],
    ["a will that is announced and missing [MQTT-3.1.2-9]", { flags: 0xc6, rest: ["user", "token-a"] }, ""],
    ["a will that is not announced [MQTT-3.1.2-11]", { flags: 0xc2, rest: [TOPIC_A, "gone", "user", "token-a"] }, ""],
    ["a will's topic that is no UTF-8 [MQTT-3.1.3-10]", { flags: 0xc6, rest: [Buffer.from([0xff]), "", "u", "t"] }, ""],
    ["a user name that is no UTF-8 [MQTT-3.1.3-11]", { rest: [Buffer.from([0xc3, 0x28]), "token-a"] }, ""],
    ["U+FEFF in front of a client id [MQTT-1.5.3-3]", { clientId: `${FEFF}raw` }, "20020002"],
    ["U+FEFF in front of a token [MQTT-1.5.3-3]", { rest: ["user", `${FEFF}token-a`] }, "20020005"],
    ["U+FEFF in front of a user name [MQTT-1.5.3-3]", { flags: 0x82, rest: [`${FEFF}token-a`] }, "20020005"],
    [
      "U+FEFF in front of a will's topic [MQTT-1.5.3-3]",
      { flags: 0xc6, rest: [FEFF + TOPIC_A, "gone", "user", "token-a"] },
      "20020005",
    ],
  ])("with %s", async (_title, connect, answer) => {
    await using edge = await startBroker();
    expect(await answerTo(edge, connect)).toBe(answer);
  });

  test("without a client id gets one of its own each time [MQTT-3.1.3-6]", async () => {
    await using edge = await startBroker();
    for (let i = 0; i < 3; i += 1) expect(await answerTo(edge, { clientId: "" })).toBe(CONNACK_ACCEPTED);
    expect(edge.broker.connections).toBe(3);
  });

  test("may come in as many segments as it has bytes", async () => {
    await using edge = await startBroker();
    const peer = await edge.raw();
    peer.socket.setNoDelay(true);
    for (const byte of rawConnect()) {
      peer.send(Buffer.from([byte]));
      await sleep(1);
    }
    expect(await heard(peer, CONNACK_ACCEPTED)).toBe(CONNACK_ACCEPTED);
  });

  test("is told whether there is a session [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3]", async () => {
    await using edge = await startBroker();
    const answers: string[] = [];
    for (const flags of [0xc2, 0xc0, 0xc0, 0xc2, 0xc0]) answers.push(await answerTo(edge, { flags }));
    expect(answers.map((answer) => answer.slice(4, 6))).toEqual(["00", "00", "01", "00", "00"]);
  });

  test("that is refused is told of no session, and the connection ends [MQTT-3.2.2-4] [MQTT-3.2.2-5]", async () => {
    await using edge = await startBroker();
    await answerTo(edge, { flags: 0xc0 });
    const peer = await edge.raw();
    peer.send(rawConnect({ flags: 0xc0, rest: ["user", "wrong"] }));
    expect(await peer.closed).toBe("20020005");
    expect(await answerTo(edge, { flags: 0xc0 })).toBe(CONNACK_PRESENT);
  });

  test("finds a session by client id and device [MQTT-3.1.3-2]", async () => {
    await using edge = await startBroker();
    await answerTo(edge, { flags: 0xc0, clientId: "one" });
    expect(await answerTo(edge, { flags: 0xc0, clientId: "two" })).toBe(CONNACK_ACCEPTED);
    const other: RawConnect = { flags: 0xc0, clientId: "one", rest: ["user", "token-b"] };
    expect(await answerTo(edge, other)).toBe(CONNACK_ACCEPTED);
    expect(await answerTo(edge, { flags: 0xc0, clientId: "one" })).toBe(CONNACK_PRESENT);
  });
});

test("a session lasts as long as it is connected, however long that is [MQTT-4.1.0-2]", async () => {
  await using edge = await startBroker({ limits: { sessionExpiryMs: 20 }, clock: { now: () => performance.now() } });
  const peer = await edge.rawConnected({ flags: 0xc0 });
  const subscribed = `${CONNACK_ACCEPTED}9003000101`;
  peer.send(rawSubscribe([TOPIC_A], 1, 1));
  expect(await heard(peer, subscribed)).toBe(subscribed);
  await sleep(100);
  peer.send(rawPublish(TOPIC_A, "x", 5));
  const delivered = hex(rawPublish(TOPIC_A, "x", 1));
  expect((await heard(peer, `${subscribed}40020005${delivered}`)).includes(delivered)).toBe(true);
});

test("PINGREQ is answered with PINGRESP [MQTT-3.12.4-1]", async () => {
  await using edge = await startBroker();
  const peer = await edge.rawConnected();
  peer.send(PINGREQ, PINGREQ);
  expect(await heard(peer, `${CONNACK_ACCEPTED}d000d000`)).toBe(`${CONNACK_ACCEPTED}d000d000`);
});

/** `flags`: QoS and retain of the will. */
const mortal = (flags: number, clientId = "mortal"): RawConnect => ({
  clientId,
  flags: 0xc6 | flags,
  rest: [TOPIC_A, "gone", "user", "token-a"],
});

describe("a will", () => {
  test.each([0, 1, 2])("of QoS %i is published with it, and as retained or not", async (qos) => {
    await using edge = await startBroker();
    const watching = await witness(edge);
    const live = (id: number): string => hex(rawPublish(TOPIC_A, "gone", id, qos << 1));
    const before = watching.received();
    // [MQTT-3.1.2-16]: nothing is retained.
    const first = await edge.rawConnected(mortal(qos << 3));
    first.socket.destroy();
    expect(await heard(watching, before + live(1))).toBe(before + live(1));
    const late = await edge.rawConnected({ clientId: "late" });
    late.send(rawSubscribe([TOPIC_A], 1, 2), PINGREQ);
    await late.receive((received) => received.includes("9003000102") && received.includes("d000"));
    // [MQTT-3.1.2-17]: from now on something is. Who is subscribed gets it without RETAIN.
    const second = await edge.rawConnected(mortal((qos << 3) | 0x20));
    second.socket.destroy();
    expect(await heard(watching, before + live(1) + live(2))).toBe(before + live(1) + live(2));
    await late.receive((received) => received.endsWith(live(1)));
    late.send(rawSubscribe([TOPIC_A], 2, 2));
    const again = hex(rawPublish(TOPIC_A, "gone", 2, (qos << 1) | 1));
    await late.receive((received) => received.endsWith(`9003000202${again}`));
  });

  const ENDS: readonly [title: string, end: (peer: RawPeer, edge: BrokerHarness) => unknown][] = [
    ["its client closes one side of the socket", (peer) => peer.socket.end()],
    ["its client resets the connection", (peer) => peer.socket.resetAndDestroy()],
    ["its client sends CONNECT again [MQTT-3.1.0-2]", (peer) => peer.send(rawConnect())],
    ["its client sends DISCONNECT with a reserved bit [MQTT-3.14.1-1]", (peer) => peer.send(Buffer.from([0xe1, 0]))],
    ["its client sends a packet that is none", (peer) => peer.send(Buffer.from([0xf0, 0]))],
    ["its client publishes to another's topic", (peer) => peer.send(rawPublish(TOPIC_B, "x"))],
    ["its client connects again", (_peer, edge) => edge.rawConnected({ clientId: "mortal" })],
  ];

  test.each(ENDS)("is published once when %s", async (_title, end) => {
    await using edge = await startBroker();
    const watching = await witness(edge);
    const expected = watching.received() + hex(rawPublish(TOPIC_A, "gone", 1, 4));
    await end(await edge.rawConnected(mortal(0x10)), edge);
    expect(await heard(watching, expected)).toBe(expected);
    // Of the next connection there is none [MQTT-3.1.2-10] [MQTT-3.1.2-12].
    const next = await edge.rawConnected({ clientId: "mortal" });
    next.socket.destroy();
    await eventually(() => edge.broker.connections === 1, "the connection is over");
    const last = await edge.rawConnected({ clientId: "last" });
    last.send(rawPublish(TOPIC_A, "last", 9));
    const behind = expected + hex(rawPublish(TOPIC_A, "last", 2));
    expect(await heard(watching, behind)).toBe(behind);
  });

  test("is forgotten with DISCONNECT, though the connection is lost before the log has answered [MQTT-3.14.4-3]", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const peer = await edge.rawConnected(mortal(0));
    peer.send(rawPublish(TOPIC_A, "before", 1), PINGREQ, DISCONNECT);
    await peer.receive((received) => received.endsWith("d000"));
    peer.socket.resetAndDestroy();
    await sleep(20);
    // What is written now does not get through any more.
    edge.log.release();
    await eventually(() => edge.broker.connections === 0, "the connection is over");
    await sleep(10);
    expect(edge.log.records.map(({ value }) => Buffer.from(value).toString())).toEqual(["before"]);
  });
});

describe("MQTT 5 is refused in its own format", () => {
  const property = (id: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.from([id]), value]);
  const properties = (...all: readonly Buffer[]): Buffer => {
    const bytes = Buffer.concat(all);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  };
  const sessionExpiry = property(0x11, Buffer.from([0, 0, 0, 60]));
  const userProperty = property(0x26, Buffer.concat([field("name"), field("value")]));
  const willDelay = property(0x18, Buffer.from([0, 0, 0, 5]));
  const connect5 = (flags: number, ...rest: readonly Buffer[]): Buffer =>
    packet(0x10, field("MQTT"), [5, flags, 0, 60], ...rest);

  test.each([
    ["without properties", connect5(0x02, properties(), field("raw"))],
    ["with properties", connect5(0x02, properties(sessionExpiry, userProperty), field("raw"))],
    [
      "with a will's properties",
      connect5(0x06, properties(), field("raw"), properties(willDelay, userProperty), field("t"), field("gone")),
    ],
    ["with a password and no user name", connect5(0x42, properties(), field("raw"), field("token-a"))],
    ["with an authentication method", connect5(0x02, properties(property(0x15, field("SCRAM"))), field("raw"))],
    ["without a client id and to be kept", connect5(0x00, properties(sessionExpiry), field(""))],
    ["with more behind it", Buffer.concat([connect5(0x02, properties(), field("raw")), Buffer.from([0xc0, 0])])],
  ])("%s", async (_title, sent) => {
    await using edge = await startBroker();
    const peer = await edge.raw();
    peer.send(sent);
    expect(await peer.closed).toBe("2003008400");
    expect(edge.refused("protocol-level-5")).toBe(1);
  });

  test("and so the mqtt package shows it, the metric counts it, and the log says what to set", async () => {
    const lines: string[] = [];
    const logger = { ...silentLogger, info: (_fields: object, text: string) => void lines.push(text) };
    await using edge = await startBroker({ logger });
    const will = {
      topic: TOPIC_A,
      payload: Buffer.from("gone"),
      qos: 1 as const,
      properties: { willDelayInterval: 5 },
    };
    const properties = { sessionExpiryInterval: 60, userProperties: { name: "value" } };
    const refused = edge.client("a", { protocolVersion: 5, properties, will, clean: false, clientId: "five" });
    await expect(refused).rejects.toMatchObject({
      code: 0x84,
      message: expect.stringContaining("Unsupported Protocol Version"),
    });
    expect(edge.refused("protocol-level-5")).toBe(1);
    expect(lines.at(-1)).toMatch(/MQTT 5 is not served.*MQTT 3\.1\.1.*-V 311.*protocolVersion 4.*MQTTv311/);
  });
});
