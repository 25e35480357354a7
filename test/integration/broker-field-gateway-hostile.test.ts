import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { eventually } from "../support/broker-harness.ts";
import { GATEWAY_CONNECT, GATEWAY_TOPIC, startGatewayEdge } from "../support/gateway-edge.ts";
import { CONNACK_ACCEPTED, rawPublish } from "../support/raw-mqtt.ts";

const puback = (packetId: number): string => `4002${packetId.toString(16).padStart(4, "0")}`;
const devices = (count: number, name: (index: number) => string = (index) => `d${index}`): string =>
  `{${Array.from({ length: count }, (_, index) => `"${name(index)}":1`).join()}}`;

describe("a gateway that means ill", () => {
  test("of 100,000 devices in a message sees its connection end, as with every payload over the ceiling", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(GATEWAY_TOPIC, devices(100_000)));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect([edge.refused("packet-too-large"), edge.told(), edge.questions]).toEqual([1, [], []]);
  });

  test("makes one record, and no question, of as many devices as fit into a message", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    const payload = devices(12_000);
    expect(payload.length).toBeGreaterThan(LIMITS.payloadBytesMax * 0.9);
    peer.send(rawPublish(GATEWAY_TOPIC, payload, 1));
    await peer.receive((hex) => hex.endsWith(puback(1)));
    expect(edge.told()).toEqual([`acme/gw too-many-devices ${payload}`]);
    expect(edge.questions).toEqual([]);
  });

  test("says as much of one device, or of none of its own, as of many", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    const count = LIMITS.fieldGatewayEntriesMax;
    peer.send(
      rawPublish(
        GATEWAY_TOPIC,
        devices(count, () => "a"),
        1,
      ),
      rawPublish(
        GATEWAY_TOPIC,
        devices(count, () => "__proto__"),
        2,
      ),
      rawPublish(
        GATEWAY_TOPIC,
        devices(count, (index) => `other-${index}`),
        3,
      ),
      rawPublish(GATEWAY_TOPIC, '{"b":[1]}', 4),
    );
    await peer.receive((hex) => hex.endsWith(puback(4)));
    expect(peer.received()).toBe(CONNACK_ACCEPTED + [1, 2, 3, 4].map(puback).join(""));
    const told = Map.groupBy(edge.told(), (text) =>
      text
        .split(" ", 2)
        .join(" ")
        .replace(/ \D*\d+.*/, ""),
    );
    expect([...told].map(([text, { length }]) => [text, length])).toMatchObject([
      ["acme/a", count],
      ["acme/gw foreign-device", 2 * count],
      ["acme/b", 1],
    ]);
    expect(edge.questions.map((ids) => ids.length)).toEqual([2, count, 1]);
  });

  test("nests one device's telemetry as deep as it likes: the others do not notice", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    const deep = "[".repeat(60_000) + "]".repeat(60_000);
    const open = "[".repeat(100_000);
    peer.send(
      rawPublish(GATEWAY_TOPIC, `{"a":${deep},"b":[1]}`, 1),
      rawPublish(GATEWAY_TOPIC, `{"a":${open},"b":[1]}`, 2),
    );
    await peer.receive((hex) => hex.endsWith(puback(2)));
    expect(edge.told()).toEqual([`acme/a ${deep}`, "acme/b [1]", `acme/gw bad-json {"a":${open},"b":[1]}`]);
  });

  test("sends any bytes: each message is accounted for, and the connection stays", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    let packetId = 0;
    const pieces = fc.constantFrom(
      '{"a":[1]',
      '"other"',
      "{",
      "}",
      "[",
      "]",
      '"',
      "\\",
      ":",
      ",",
      " ",
      "1",
      "é",
      "\u0000",
    );
    const payloads = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(pieces, { maxLength: 20 }).map((parts) => Buffer.from(parts.join(""))),
      fc.json().map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(payloads, async (payload) => {
        const before = edge.log.records.length;
        peer.send(rawPublish(GATEWAY_TOPIC, payload, ++packetId));
        await peer.receive((hex) => hex.endsWith(puback(packetId)));
        const records = edge.log.records.slice(before);
        expect(records.length).toBeGreaterThan(0);
        const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
        expect(bytes).toBeLessThanOrEqual(payload.length);
        for (const { key } of records) expect(key).toMatch(/^acme\/(?:a|b|c|gw)$/);
      }),
      { numRuns: 300 },
    );
    expect(edge.broker.connections).toBe(1);
  });

  test("is read on when the log has taken what it sent at once", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    edge.log.hold();
    const whole = devices(LIMITS.fieldGatewayEntriesMax, () => "a");
    const messages = Array.from({ length: 20 }, (_, index) => rawPublish(GATEWAY_TOPIC, whole, index + 1));
    peer.send(...messages);
    await eventually(() => edge.log.waiting.length >= LIMITS.unacknowledgedPerConnectionMax, "the window is full");
    expect(edge.log.waiting.length).toBeLessThan(LIMITS.unacknowledgedPerConnectionMax + LIMITS.fieldGatewayEntriesMax);
    edge.log.release();
    await peer.receive((hex) => hex.endsWith(puback(20)));
    expect(edge.log.records).toHaveLength(20 * LIMITS.fieldGatewayEntriesMax);
  });
});
