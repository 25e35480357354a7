import { describe, expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { HEADER } from "../../core/record.ts";
import { eventually } from "../support/broker-harness.ts";
import { GATEWAY_CONNECT, GATEWAY_TOPIC, startGatewayEdge } from "../support/gateway-edge.ts";
import { CONNACK_ACCEPTED, DISCONNECT, rawPublish, rawSubscribe } from "../support/raw-mqtt.ts";

const puback = (packetId: number): string => `4002${packetId.toString(16).padStart(4, "0")}`;
const THREE = '{"a": [{"ts":1,"values":{"t":1}}], "b": [{"t":2}] ,"c":{"t":3}}';

describe("a gateway's message for many devices", () => {
  test("becomes one record for each device, acknowledged once", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 7));
    expect(await peer.receive((hex) => hex.length > 8)).toBe(CONNACK_ACCEPTED + puback(7));
    expect(edge.told()).toEqual(['acme/a [{"ts":1,"values":{"t":1}}]', 'acme/b [{"t":2}]', 'acme/c {"t":3}']);
    const headers = edge.log.records.map((record) => Object.fromEntries(record.headers));
    expect(headers[1]).toMatchObject({
      [HEADER.mqttTopic]: GATEWAY_TOPIC,
      [HEADER.qos]: "1",
      [HEADER.dup]: "0",
      [HEADER.packetId]: "7",
      [HEADER.clientId]: "edge-box",
      [HEADER.principal]: "device:gw",
      [HEADER.format]: "tb-json",
    });
    expect(headers.map((header) => header[HEADER.admissionId])).toEqual(["gw.7.1", "gw.7.2", "gw.7.3"]);
  });

  test("is acknowledged when the last of its records is durable, in order with the others", async () => {
    await using edge = await startGatewayEdge();
    edge.log.hold();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1), rawPublish("millrace/acme/gw/telemetry", '{"up":1}', 2));
    await eventually(() => edge.log.waiting.length === 4, "all are in the log's hands");
    const [first, second, third, own] = edge.log.waiting;
    own?.resolve();
    third?.resolve();
    first?.resolve();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.received()).toBe(CONNACK_ACCEPTED);
    second?.resolve();
    expect(await peer.receive((hex) => hex.length > 16)).toBe(CONNACK_ACCEPTED + puback(1) + puback(2));
  });

  test("is not acknowledged when one of its records is not durable", async () => {
    await using edge = await startGatewayEdge({ limits: { refusalHoldMs: 50 } });
    edge.log.hold();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1));
    await eventually(() => edge.log.waiting.length === 3, "all are in the log's hands");
    const [first, second, third] = edge.log.waiting;
    first?.resolve();
    second?.reject(new MillraceError("LOG_FULL", "full"));
    third?.resolve();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
  });

  test("keeps what it may not say apart from the rest, under the gateway's own key", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, '{"a":[1],"other":[2],"no id":[3],"__proto__":[4],"a":[5]}', 7));
    await peer.receive((hex) => hex.endsWith(puback(7)));
    expect(edge.told()).toEqual([
      "acme/a [1]",
      'acme/gw foreign-device "other":[2]',
      'acme/gw bad-device "no id":[3]',
      'acme/gw foreign-device "__proto__":[4]',
      "acme/a [5]",
    ]);
    expect(edge.broker.connections).toBe(1);
  });

  test.each([
    ["what is no JSON", "bad-json"],
    ['[{"t":1}]', "bad-shape"],
    ["{}", "bad-shape"],
    ['{"a":[1]', "bad-json"],
    [`{${Array.from({ length: 1001 }, (_, index) => `"d${index}":1`).join()}}`, "too-many-devices"],
  ])("goes to quarantine whole when it cannot be cut: %s", async (payload, reason) => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, payload, 7), rawPublish(GATEWAY_TOPIC, '{"a":[1]}', 8));
    await peer.receive((hex) => hex.endsWith(puback(7) + puback(8)));
    expect(edge.told()).toEqual([`acme/gw ${reason} ${payload}`, "acme/a [1]"]);
  });

  test("asks the registry once for all devices that it does not know, and remembers", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1), rawPublish(GATEWAY_TOPIC, '{"b":[1],"c":[2]}', 2));
    await peer.receive((hex) => hex.endsWith(puback(2)));
    expect(edge.questions).toEqual([["a", "b", "c"]]);
  });

  test("waits for the registry, and what is behind it waits too", async () => {
    await using edge = await startGatewayEdge();
    const asked = Promise.withResolvers<void>();
    edge.delay = asked.promise;
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1), rawPublish("millrace/acme/gw/telemetry", '{"up":1}', 2), DISCONNECT);
    await eventually(() => edge.questions.length === 1, "the registry is asked");
    // All connections are read into the same bytes: what another sends must not overwrite the message that waits.
    const other = await edge.rawConnected();
    other.send(rawPublish("millrace/acme/a/telemetry", "x".repeat(1000), 9));
    await other.receive((hex) => hex.endsWith(puback(9)));
    expect([edge.told().length, peer.received()]).toEqual([1, CONNACK_ACCEPTED]);
    asked.resolve();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(1) + puback(2));
    expect(edge.told().slice(1)).toEqual([
      'acme/a [{"ts":1,"values":{"t":1}}]',
      'acme/b [{"t":2}]',
      'acme/c {"t":3}',
      'acme/gw {"up":1}',
    ]);
  });

  test("is not admitted when the registry cannot say, and the gateway sends it again", async () => {
    await using edge = await startGatewayEdge();
    edge.failure = new Error("registry gone");
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect([edge.told(), edge.refused("authenticate-failed")]).toEqual([[], 1]);
    edge.failure = null;
    const again = await edge.rawConnected(GATEWAY_CONNECT);
    again.send(rawPublish(GATEWAY_TOPIC, THREE, 1, 0x0a));
    await again.receive((hex) => hex.endsWith(puback(1)));
    const headers = edge.log.records.map((record) => Object.fromEntries(record.headers));
    expect(headers.map((header) => [header[HEADER.dup], header[HEADER.packetId]])).toEqual([
      ["1", "1"],
      ["1", "1"],
      ["1", "1"],
    ]);
  });

  test("is not admitted when the client connects again meanwhile: it sends the message again", async () => {
    await using edge = await startGatewayEdge();
    const asked = Promise.withResolvers<void>();
    edge.delay = asked.promise;
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1));
    await eventually(() => edge.questions.length === 1, "the registry is asked");
    edge.delay = null;
    const again = await edge.rawConnected(GATEWAY_CONNECT);
    asked.resolve();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    again.send(rawPublish(GATEWAY_TOPIC, '{"a":[2]}', 2));
    await again.receive((hex) => hex.endsWith(puback(2)));
    expect(edge.told()).toEqual(["acme/a [2]"]);
  });

  test("is acknowledged before the broker stops", async () => {
    await using edge = await startGatewayEdge();
    const asked = Promise.withResolvers<void>();
    edge.delay = asked.promise;
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, THREE, 1));
    await eventually(() => edge.questions.length === 1, "the registry is asked");
    const stopped = edge.broker.stop(AbortSignal.timeout(5000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    asked.resolve();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(1));
    await stopped;
    expect(edge.told()).toHaveLength(3);
  });
});

describe("a right that is taken away", () => {
  test("counts from the next message on", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, '{"a":[1],"b":[1]}', 1), rawPublish("millrace/acme/b/telemetry", '{"t":1}', 2));
    await peer.receive((hex) => hex.endsWith(puback(2)));
    edge.own.delete("b");
    edge.broker.disconnect(["acme/b"]);
    peer.send(rawPublish("millrace/acme/b/telemetry", '{"t":2}', 3), rawPublish(GATEWAY_TOPIC, '{"a":[2],"b":[2]}', 4));
    await peer.receive((hex) => hex.endsWith(puback(4)));
    expect(edge.told().slice(3)).toEqual([
      'acme/gw foreign-device {"t":2}',
      "acme/a [2]",
      'acme/gw foreign-device "b":[2]',
    ]);
  });

  test("counts also when it was taken away while the registry answered", async () => {
    await using edge = await startGatewayEdge();
    const asked = Promise.withResolvers<void>();
    edge.delay = asked.promise;
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, '{"b":[1]}', 1));
    await eventually(() => edge.questions.length === 1, "the registry is asked");
    edge.delay = null;
    edge.broker.disconnect(["acme/b"]);
    asked.resolve();
    await peer.receive((hex) => hex.endsWith(puback(1)));
    expect(edge.questions).toEqual([["b"], ["b"]]);
  });

  test("is not missed for long when it is given", async () => {
    let now = 1_700_000_000_000;
    await using edge = await startGatewayEdge({ clock: { now: () => now } });
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, '{"d":[1]}', 1));
    await peer.receive((hex) => hex.endsWith(puback(1)));
    edge.own.add("d");
    peer.send(rawPublish(GATEWAY_TOPIC, '{"d":[2]}', 2));
    await peer.receive((hex) => hex.endsWith(puback(2)));
    now += 1000;
    peer.send(rawPublish(GATEWAY_TOPIC, '{"d":[3]}', 3));
    await peer.receive((hex) => hex.endsWith(puback(3)));
    expect(edge.told()).toEqual(['acme/gw foreign-device "d":[1]', 'acme/gw foreign-device "d":[2]', "acme/d [3]"]);
    expect(edge.questions).toHaveLength(2);
  });
});

describe("a gateway's other topics", () => {
  test("are those of its devices", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(
      rawPublish("millrace/acme/a/telemetry", '{"t":1}', 1),
      rawPublish("millrace/acme/other/telemetry", '{"t":2}', 2),
      rawPublish("millrace/acme/no id/telemetry", '{"t":3}', 3),
      rawPublish("millrace/another/a/telemetry", '{"t":4}', 4),
      rawPublish("v1/devices/me/telemetry", '{"t":5}', 5),
    );
    await peer.receive((hex) => hex.endsWith(puback(5)));
    expect(edge.told()).toEqual([
      'acme/a {"t":1}',
      'acme/gw foreign-device {"t":2}',
      'acme/gw bad-device {"t":3}',
      'acme/gw foreign-device {"t":4}',
      'acme/gw {"t":5}',
    ]);
    expect(Object.fromEntries(edge.log.records[0]?.headers ?? [])).toMatchObject({
      [HEADER.principal]: "device:gw",
      [HEADER.format]: "json",
    });
  });

  test("of ThingsBoard are acknowledged and dropped, and may be subscribed to", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawSubscribe(["v1/gateway/attributes", "v1/gateway/rpc"], 1));
    await peer.receive((hex) => hex.includes("90040001"));
    const asides = ["connect", "disconnect", "attributes", "attributes/request", "rpc", "claim"];
    peer.send(...asides.map((name, index) => rawPublish(`v1/gateway/${name}`, '{"device":"a"}', index + 2)));
    await peer.receive((hex) => hex.endsWith(puback(7)));
    expect([edge.dropped(), edge.told()]).toEqual([6, []]);
  });

  test("are none of an ordinary device: its connection ends, with the reason", async () => {
    await using edge = await startGatewayEdge();
    for (const topic of [GATEWAY_TOPIC, "v1/gateway/connect"]) {
      const peer = await edge.rawConnected();
      peer.send(rawPublish(topic, '{"b":[1]}', 1));
      expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    }
    const subscriber = await edge.rawConnected();
    subscriber.send(rawSubscribe(["v1/gateway/#"], 1));
    await subscriber.receive((hex) => hex.endsWith("9003000180"));
    expect([edge.refused("publish-gateway"), edge.filtersRefused("filter-foreign"), edge.told()]).toEqual([2, 1, []]);
  });
});

test("what a gateway publishes reaches who subscribes to the device, and both were seen", async () => {
  await using edge = await startGatewayEdge();
  const subscriber = await edge.client("a");
  await subscriber.subscribeAsync("millrace/acme/a/#");
  const received: string[] = [];
  subscriber.on("message", (topic, payload) => received.push(`${topic} ${payload.toString()}`));
  const peer = await edge.rawConnected(GATEWAY_CONNECT);
  peer.send(rawPublish(GATEWAY_TOPIC, '{"b":[{"t":1}],"a":[{"t":2}]}', 1));
  await eventually(() => received.length > 0, "the subscriber has it");
  expect(received).toEqual(['millrace/acme/a/telemetry [{"t":2}]']);
  await edge.broker.stop(AbortSignal.timeout(1000));
  expect([...edge.seen.keys()].toSorted()).toEqual(["acme/a", "acme/b", "acme/gw"]);
});
