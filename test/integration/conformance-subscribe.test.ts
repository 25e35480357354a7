import { describe, expect, test } from "vitest";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { exchange } from "../support/exchange.ts";
import {
  CONNACK_ACCEPTED,
  CONNACK_PRESENT,
  packet,
  rawAnswer,
  rawConnect,
  rawPublish,
  rawSubscribe,
  rawUnsubscribe,
} from "../support/raw-mqtt.ts";

const ALL = "millrace/acme/a/#";
const ONE = "millrace/acme/a/+";
const KEPT = { flags: 0xc0, clientId: "kept" };
const DUP = 0x08;
const hex = (...packets: readonly Uint8Array[]): string => Buffer.concat(packets).toString("hex");

async function publish(edge: BrokerHarness, qos: 0 | 1 | 2, ...payloads: readonly string[]): Promise<void> {
  const client = await edge.client("a", { clientId: "publisher" });
  for (const payload of payloads) await client.publishAsync(TOPIC_A, payload, { qos });
  await client.endAsync();
}

describe("SUBSCRIBE", () => {
  test("is answered filter by filter, in their order, with its packet id [MQTT-3.9.3-1] [MQTT-3.8.4-2]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    const filters = [ONE, "millrace/acme/b/#", ALL, "#", TOPIC_A, ALL];
    await exchange(peer, [rawSubscribe(filters, 0x0102, [2, 2, 0, 1, 1, 1])], "90080102028000800101");
    await exchange(peer, [rawSubscribe([ONE], 0xffff, 0)], "9003ffff00");
  });

  test("with the same filter replaces the subscription [MQTT-3.8.4-3]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawSubscribe([ALL], 1, 2)], "9003000102");
    await exchange(peer, [rawSubscribe([ALL], 2, 0)], "9003000200");
    await publish(edge, 2, "x");
    await exchange(peer, [rawSubscribe([ALL], 3, 1)], `${hex(rawPublish(TOPIC_A, "x", 0, 0))}9003000301`);
    await publish(edge, 2, "y");
    await exchange(peer, [rawAnswer("puback", 1)], hex(rawPublish(TOPIC_A, "y", 1)));
  });

  test("of several filters is like several of one filter: each gets what is retained [MQTT-3.8.4-4]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawPublish(TOPIC_A, "x", 5, 3)], "40020005");
    const retained = [rawPublish(TOPIC_A, "x", 1, 3), rawPublish(TOPIC_A, "x", 2, 3)];
    await exchange(
      peer,
      [rawSubscribe([ALL, "millrace/acme/a/other", ONE], 1, 1)],
      `90050001010101${hex(...retained)}`,
    );
  });

  test.each([
    [0, 2, 0],
    [1, 2, 1],
    [2, 1, 1],
    [2, 2, 2],
    [2, 0, 0],
  ])(
    "delivers QoS %i under filters of 0 and %i once, with QoS %i [MQTT-3.3.5-1] [MQTT-3.8.4-6]",
    async (qos, granted, delivered) => {
      await using edge = await startBroker();
      const peer = await edge.rawConnected();
      await exchange(
        peer,
        [rawSubscribe([ALL, ONE, TOPIC_A], 1, [0, granted, 0])],
        `9005000100${granted.toString(16).padStart(2, "0")}00`,
      );
      const publisher = await edge.rawConnected({ clientId: "publisher" });
      publisher.send(rawPublish(TOPIC_A, "x", 5, qos << 1), rawPublish(TOPIC_A, "y", 6, qos << 1));
      const expected = [rawPublish(TOPIC_A, "x", 1, delivered << 1), rawPublish(TOPIC_A, "y", 2, delivered << 1)];
      await exchange(peer, [], hex(...expected));
    },
  );

  test.each<readonly [filter: string, matches: boolean]>([
    [TOPIC_A, true],
    [ALL, true],
    [ONE, true],
    [`${TOPIC_A}/#`, true],
    ["millrace/acme/a/+/#", true],
    [`${TOPIC_A}/`, false],
    [`${TOPIC_A}/+`, false],
    ["millrace/acme/a/+/", false],
    ["millrace/acme/a//telemetry", false],
    ["millrace/acme/a/Telemetry", false],
    ["millrace/acme/a/telemetr", false],
    ["millrace/acme/a/\u{feff}telemetry", false],
    ["millrace/acme/a/t\u00e9lemetry", false],
  ])("to %j delivers the device's telemetry: %j [MQTT-4.7.3-4]", async (filter, matches) => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawSubscribe([filter], 1, 1)], "9003000101");
    await publish(edge, 1, "x");
    // What would come has come before this.
    await exchange(
      peer,
      [rawSubscribe([TOPIC_A], 2, 1)],
      (matches ? hex(rawPublish(TOPIC_A, "x", 1)) : "") + "9003000201",
    );
  });

  test.each(["/millrace/acme/a/telemetry", "+/acme/a/telemetry", "//", "/", "\u{feff}millrace/acme/a/#", "$SYS/#"])(
    "to %j is refused in SUBACK, for it is not the device's own",
    async (filter) => {
      await using edge = await startBroker();
      await exchange(await edge.rawConnected(), [rawSubscribe([filter], 1, 1)], "9003000180");
    },
  );

  test("may name as many filters as the ceiling lets it, also more than one byte of length has room for", async () => {
    await using edge = await startBroker({ limits: { filtersPerSubscribeMax: 200, filtersPerConnectionMax: 200 } });
    const filters = Array.from({ length: 200 }, (_, i) => `millrace/acme/a/${i}`);
    await exchange(await edge.rawConnected(), [rawSubscribe(filters, 1, 1)], `90ca010001${"01".repeat(200)}`);
  });
});

describe("UNSUBSCRIBE", () => {
  test("is answered with its packet id, also when nothing was subscribed [MQTT-3.10.4-4] [MQTT-3.10.4-5]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawUnsubscribe([ALL], 0x0102)], "b0020102");
    await exchange(peer, [rawSubscribe([ALL], 1)], "9003000100");
    await exchange(peer, [rawUnsubscribe(["never/subscribed"], 0xffff)], "b002ffff");
  });

  test("removes the very filters that it names, and no others [MQTT-3.10.4-1] [MQTT-3.10.4-6]", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    await exchange(peer, [rawSubscribe([ALL, ONE, TOPIC_A], 1, [0, 1, 2])], "90050001000102");
    await exchange(peer, [rawUnsubscribe(["millrace/acme/a/+/", "millrace/#", TOPIC_A], 2)], "b0020002");
    await publish(edge, 2, "x");
    await exchange(peer, [rawUnsubscribe([ONE, ALL], 3)], `${hex(rawPublish(TOPIC_A, "x", 1))}b0020003`);
    await publish(edge, 2, "y");
    await exchange(peer, [rawSubscribe([ONE], 4)], "9003000400");
  });

  test("lets what is in flight come to its end, and adds nothing [MQTT-3.10.4-2] [MQTT-3.10.4-3]", async () => {
    await using edge = await startBroker();
    const first = await edge.rawConnected(KEPT);
    await exchange(first, [rawSubscribe([ALL], 1, 2)], "9003000102");
    await publish(edge, 2, "once");
    await publish(edge, 1, "least");
    const both = (flags: number) => [
      rawPublish(TOPIC_A, "once", 1, 4 | flags),
      rawPublish(TOPIC_A, "least", 2, 2 | flags),
    ];
    await exchange(first, [], hex(...both(0)));
    await exchange(first, [rawUnsubscribe([ALL], 2)], "b0020002");
    await publish(edge, 1, "none");
    await exchange(first, [rawAnswer("pubrec", 1)], "62020001");
    first.socket.destroy();
    await eventually(() => edge.broker.connections === 0, "the connection is over");
    const second = await edge.raw();
    await exchange(
      second,
      [rawConnect(KEPT)],
      `${CONNACK_PRESENT}62020001${hex(rawPublish(TOPIC_A, "least", 2, 2 | DUP))}`,
    );
    // What comes next is the first thing behind them: the other message was not queued.
    await exchange(second, [rawAnswer("pubcomp", 1), rawAnswer("puback", 2), rawSubscribe([ALL], 3, 1)], "9003000301");
    await publish(edge, 1, "next");
    await exchange(second, [], hex(rawPublish(TOPIC_A, "next", 3)));
  });

  test.each<readonly [title: string, sent: Buffer, reason: string]>([
    ["without a filter [MQTT-3.10.3-2]", rawUnsubscribe([]), "filters-missing"],
    ["with a filter that is no UTF-8 [MQTT-3.10.3-1]", rawUnsubscribe([Buffer.from([0xc0, 0xaf])]), "utf8-invalid"],
    ["with packet id 0 [MQTT-2.3.1-1]", rawUnsubscribe([ALL], 0), "packet-id-zero"],
    ["with an empty filter [MQTT-4.7.3-1]", rawUnsubscribe([""]), "topic-empty"],
    ["with the flags of another packet [MQTT-3.10.1-1]", packet(0xa0, [0, 1, 0, 1, 0x61]), "header-flags"],
  ])("%s ends the connection", async (_title, sent, reason) => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(sent);
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(edge.refused(reason)).toBe(1);
  });
});

test("messages go to each subscriber in the order in which their publisher sent them [MQTT-4.6.0-6]", async () => {
  await using edge = await startBroker();
  const peer = await edge.rawConnected({ clientId: "subscriber" });
  await exchange(peer, [rawSubscribe([ALL], 1, 2)], "9003000102");
  const publisher = await edge.rawConnected();
  const flags = [2, 4, 2, 2, 4, 4, 2];
  publisher.send(...flags.map((qos, index) => rawPublish(TOPIC_A, String(index), index + 1, qos)));
  await exchange(peer, [], hex(...flags.map((qos, index) => rawPublish(TOPIC_A, String(index), index + 1, qos))));
});
