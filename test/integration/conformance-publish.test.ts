import { describe, expect, test } from "vitest";
import { HEADER } from "../../core/record.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { exchange } from "../support/exchange.ts";
import { hex, KEPT, resumeKept } from "../support/kept-peer.ts";
import {
  CONNACK_ACCEPTED,
  CONNACK_PRESENT,
  packet,
  PINGREQ,
  rawAnswer,
  rawConnect,
  rawPublish,
  rawSubscribe,
  type RawPeer,
} from "../support/raw-mqtt.ts";

const FILTER = "millrace/acme/a/#";
const [QOS_1, QOS_2, DUP, RETAIN] = [0x02, 0x04, 0x08, 0x01];

async function subscribed(edge: BrokerHarness, clientId: string, qos = 2): Promise<RawPeer> {
  const peer = await edge.rawConnected({ clientId });
  peer.send(rawSubscribe([FILTER], 1, qos));
  await peer.receive((received) => received.endsWith(`900300010${qos}`));
  return peer;
}

describe("PUBLISH", () => {
  test.each([
    [0, 1, ""],
    [1, 1, "40020001"],
    [1, 0x0102, "40020102"],
    [1, 0xffff, "4002ffff"],
    [2, 1, "50020001"],
    [2, 0xffff, "5002ffff"],
  ])("of QoS %i with id %i is answered as its QoS wants it [MQTT-3.3.4-1]", async (qos, packetId, answer) => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawPublish(TOPIC_A, "x", packetId, qos << 1)], answer);
    await exchange(peer, [rawPublish(TOPIC_A, "y", 7)], "40020007");
    expect(edge.log.records).toHaveLength(2);
  });

  test("of QoS 1 that comes again after PUBACK is a new one, whatever DUP says [MQTT-4.3.2-2]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawPublish(TOPIC_A, "x", 5)], "40020005");
    await exchange(peer, [rawPublish(TOPIC_A, "x", 5, QOS_1 | DUP)], "40020005");
    const ids = edge.log.records.map(({ headers }) => headers.find(([name]) => name === HEADER.admissionId)?.[1]);
    expect(new Set(ids).size).toBe(2);
  });

  test("with DUP goes to subscribers without it [MQTT-3.3.1-3]", async () => {
    await using edge = await startBroker();
    const subscriber = await subscribed(edge, "subscriber");
    const publisher = await edge.rawConnected();
    publisher.send(rawPublish(TOPIC_A, "x", 5, QOS_1 | DUP), rawPublish(TOPIC_A, "y", 6, QOS_2 | DUP));
    await exchange(subscriber, [], hex(rawPublish(TOPIC_A, "x", 1), rawPublish(TOPIC_A, "y", 2, QOS_2)));
  });

  test("with U+FEFF in front of its topic is on another topic [MQTT-1.5.3-3]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(`\ufeff${TOPIC_A}`, "x"));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(edge.log.records).toEqual([]);
  });

  test("has ids of its own in each direction [MQTT-2.3.1-4]", async () => {
    await using edge = await startBroker();
    const peer = await subscribed(edge, "both");
    // The same number is in use on both sides, in every step of both exchanges.
    await exchange(peer, [rawPublish(TOPIC_A, "x", 1, QOS_2)], `50020001${hex(rawPublish(TOPIC_A, "x", 1, QOS_2))}`);
    await exchange(peer, [rawAnswer("pubrec", 1)], "62020001");
    await exchange(peer, [rawAnswer("pubrel", 1)], "70020001");
    await exchange(peer, [rawPublish(TOPIC_A, "y", 1, QOS_1)], `40020001${hex(rawPublish(TOPIC_A, "y", 2, QOS_1))}`);
    await exchange(peer, [rawAnswer("pubcomp", 1), rawAnswer("puback", 2), PINGREQ], "d000");
  });
});

describe("PUBREL", () => {
  test("goes out in the order in which PUBREC came [MQTT-4.6.0-4]", async () => {
    await using edge = await startBroker();
    const subscriber = await subscribed(edge, "subscriber");
    const publisher = await edge.rawConnected();
    const both = [rawPublish(TOPIC_A, "x", 1, QOS_2), rawPublish(TOPIC_A, "y", 2, QOS_2)];
    publisher.send(...both);
    await exchange(subscriber, [], hex(...both));
    await exchange(subscriber, [rawAnswer("pubrec", 2), rawAnswer("pubrec", 1)], "6202000262020001");
  });

  test("that nothing waits for is answered too [MQTT-4.3.3-2]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawAnswer("pubrel", 9)], "70020009");
    await exchange(peer, [rawPublish(TOPIC_A, "x", 9, QOS_2)], "50020009");
    await exchange(peer, [rawAnswer("pubrel", 9), rawAnswer("pubrel", 9)], "7002000970020009");
  });

  test("with other flags than 0010 is a breach [MQTT-3.6.1-1]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "x", 9, QOS_2), packet(0x60, [0, 9]));
    await peer.closed;
    expect(edge.refused("header-flags")).toBe(1);
  });
});

const sent = (flags = 0): Buffer => rawPublish(TOPIC_A, "x", 7, QOS_2 | flags);

/** Where the connection of a publisher with QoS 2 breaks off, and what it does on the next one. */
const BREAKS: readonly [
  title: string,
  before: readonly Buffer[],
  until: readonly string[],
  again: readonly Buffer[],
][] = [
  ["before PUBREC came", [sent()], [], [sent(DUP), rawAnswer("pubrel", 7)]],
  ["after PUBREC came", [sent()], ["50020007"], [rawAnswer("pubrel", 7)]],
  ["after PUBREC came, and PUBLISH comes again", [sent()], ["50020007"], [sent(DUP), rawAnswer("pubrel", 7)]],
  ["after PUBREL", [sent(), rawAnswer("pubrel", 7)], ["50020007", "70020007"], [rawAnswer("pubrel", 7)]],
];

describe("a publisher with QoS 2 and clean session = 0", () => {
  test.each(BREAKS)("is heard once when its connection breaks off %s", async (_title, before, until, again) => {
    await using edge = await startBroker();
    const subscriber = await subscribed(edge, "subscriber");
    const first = await resumeKept(edge);
    for (const [index, packetSent] of before.entries()) {
      first.send(packetSent);
      if (until[index] !== undefined) await first.receive((received) => received.endsWith(until[index] ?? ""));
    }
    await eventually(() => edge.log.records.length === 1, "the message is durable");
    first.socket.destroy();
    await eventually(() => edge.broker.connections === 1, "the connection is over");
    const second = await resumeKept(edge);
    second.send(...again);
    await second.receive((received) => received.endsWith("70020007"));
    // The id is free again: this is another message.
    await exchange(second, [rawPublish(TOPIC_A, "next", 7, QOS_2)], "50020007");
    const x = hex(rawPublish(TOPIC_A, "x", 1, QOS_2));
    const next = hex(rawPublish(TOPIC_A, "next", 2, QOS_2));
    expect(await subscriber.receive((received) => received.endsWith(next))).toBe(
      `${CONNACK_ACCEPTED}9003000102${x}${next}`,
    );
  });

  test("leaves nothing behind in a session that began after it: its message is another one, with an id of its own", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const first = await resumeKept(edge);
    first.send(sent(), PINGREQ);
    await first.receive((received) => received.endsWith("d000"));
    // The session is discarded, and another one begins, before the log has answered.
    for (const flags of [0xc2, 0xc0]) {
      const next = await edge.raw();
      next.send(rawConnect({ ...KEPT, flags }));
      await next.receive((received) => received === CONNACK_ACCEPTED);
    }
    edge.log.release();
    await eventually(() => edge.log.records.length === 1, "the message is durable");
    const last = await resumeKept(edge);
    await exchange(last, [rawPublish(TOPIC_A, "another", 7, QOS_2)], "50020007");
    const ids = edge.log.records.map(({ headers }) => headers.find(([name]) => name === HEADER.admissionId)?.[1]);
    expect(ids).toEqual(["gw/7/1", "gw/7/2"]);
  });

  test("may send all again that it has not released, however many that are", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 3 } });
    const all = (flags: number): Buffer[] => [1, 2, 3].map((id) => rawPublish(TOPIC_A, "x", id, QOS_2 | flags));
    const first = await resumeKept(edge);
    await exchange(first, all(0), "500200015002000250020003");
    first.socket.destroy();
    await eventually(() => edge.broker.connections === 0, "the connection is over");
    await exchange(await resumeKept(edge), all(DUP), "500200015002000250020003");
    expect(edge.log.records).toHaveLength(3);
  });
});

describe("RETAIN", () => {
  const retained = (payload: string, qos: number): Buffer => rawPublish(TOPIC_A, payload, 5, (qos << 1) | RETAIN);

  /** What a new subscription gets. */
  async function found(edge: BrokerHarness): Promise<string> {
    const peer = await edge.rawConnected({ clientId: "late" });
    peer.send(rawSubscribe([FILTER], 1, 2));
    await peer.receive((received) => received.includes("9003000102"));
    peer.send(rawPublish(TOPIC_A, "last", 9, 0));
    const last = hex(rawPublish(TOPIC_A, "last", 0, 0));
    const received = await peer.receive((all) => all.endsWith(last));
    peer.socket.destroy();
    return received.slice(`${CONNACK_ACCEPTED}9003000102`.length, -last.length);
  }

  test.each<readonly [title: string, published: readonly Buffer[], found: string]>([
    ["the last one counts [MQTT-3.3.1-6]", [retained("1", 1), retained("2", 2)], hex(rawPublish(TOPIC_A, "2", 1, 5))],
    [
      "one of QoS 0 replaces others [MQTT-3.3.1-7]",
      [retained("1", 1), retained("0", 0)],
      hex(rawPublish(TOPIC_A, "0", 0, 1)),
    ],
    ["an empty one of QoS 0 removes it [MQTT-3.3.1-11]", [retained("1", 1), retained("", 0)], ""],
    ["an empty one of QoS 2 removes it", [retained("1", 1), retained("", 2)], ""],
    [
      "an empty one without RETAIN does not [MQTT-3.3.1-12]",
      [retained("1", 1), rawPublish(TOPIC_A, "", 6)],
      hex(rawPublish(TOPIC_A, "1", 1, 3)),
    ],
  ])("%s", async (_title, published, expected) => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(...published, rawPublish("v1/devices/me/attributes", "{}", 77));
    await peer.receive((received) => received.endsWith("4002004d"));
    expect(await found(edge)).toBe(expected);
  });

  test("is 0 in what a subscriber gets live, of an empty payload too [MQTT-3.3.1-9] [MQTT-3.3.1-10]", async () => {
    await using edge = await startBroker();
    const subscriber = await subscribed(edge, "subscriber");
    const publisher = await edge.rawConnected();
    publisher.send(retained("1", 1), retained("", 0), retained("2", 2));
    const expected = [rawPublish(TOPIC_A, "1", 1), rawPublish(TOPIC_A, "", 0, 0), rawPublish(TOPIC_A, "2", 2, QOS_2)];
    await exchange(subscriber, [], hex(...expected));
  });

  test("outlives the session of who set it [MQTT-3.1.2-7]", async () => {
    await using edge = await startBroker();
    const peer = await resumeKept(edge);
    await exchange(peer, [retained("1", 1)], "40020005");
    peer.socket.destroy();
    const clean = await edge.rawConnected({ clientId: KEPT.clientId });
    clean.socket.destroy();
    expect((await resumeKept(edge)).received()).not.toBe(CONNACK_PRESENT);
    expect(await found(edge)).toBe(hex(rawPublish(TOPIC_A, "1", 1, QOS_1 | RETAIN)));
  });
});
