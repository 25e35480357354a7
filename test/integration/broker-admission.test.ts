import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { HEADER } from "../../core/record.ts";
import { eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { createMemoryLogIntake } from "../support/memory-log-intake.ts";
import { CONNACK_ACCEPTED, DISCONNECT, PINGREQ, rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const puback = (packetId: number): string => `4002${packetId.toString(16).padStart(4, "0")}`;

describe("a message on its way into the log", () => {
  test("is appended with its key, partition, bytes and headers", async () => {
    await using edge = await startBroker({ clock: { now: () => 1_700_000_000_000 } });
    const client = await edge.client("a", { clientId: "pump-7" });
    await client.publishAsync(TOPIC_A, '{"t":21.5}', { qos: 1 });
    const [record] = edge.log.records;
    expect(record).toMatchObject({
      partition: partitionOf("acme/a", 8),
      key: "acme/a",
      timestamp: 1_700_000_000_000,
    });
    expect(Buffer.from(record?.value ?? []).toString()).toBe('{"t":21.5}');
    expect(Object.fromEntries(record?.headers ?? [])).toMatchObject({
      [HEADER.mqttTopic]: TOPIC_A,
      [HEADER.qos]: "1",
      [HEADER.dup]: "0",
      [HEADER.packetId]: expect.stringMatching(/^\d+$/),
      [HEADER.clientId]: "pump-7",
      [HEADER.principal]: "device:a",
      [HEADER.format]: "json",
      [HEADER.admissionId]: "gw.7.1",
    });
  });

  test("has no packet id with QoS 0, and says DUP when it is one", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "zero", 0, 0), rawPublish(TOPIC_A, "again", 9, 0x0a));
    await peer.receive((hex) => hex.endsWith(puback(9)));
    const [zero, again] = edge.log.records.map((record) => Object.fromEntries(record.headers));
    expect(zero?.[HEADER.packetId]).toBeUndefined();
    expect(again).toMatchObject({ [HEADER.packetId]: "9", [HEADER.dup]: "1" });
  });

  test("comes in ThingsBoard's way with the token as user name alone", async () => {
    await using edge = await startBroker();
    const client = await edge.client("a", { username: "token-a", password: "" });
    await client.publishAsync("v1/devices/me/telemetry", '{"t":1}', { qos: 1 });
    expect(Object.fromEntries(edge.log.records[0]?.headers ?? [])).toMatchObject({
      [HEADER.mqttTopic]: "v1/devices/me/telemetry",
      [HEADER.format]: "tb-json",
    });
    expect(edge.log.records[0]?.key).toBe("acme/a");
  });

  test("is acknowledged only after its append has resolved", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "x", 5));
    await eventually(() => edge.log.waiting.length === 1, "the append is asked for");
    await sleep(50);
    expect(peer.received()).toBe(CONNACK_ACCEPTED);
    edge.log.release();
    expect(await peer.receive((hex) => hex.length > 8)).toBe(CONNACK_ACCEPTED + puback(5));
  });

  test("is never acknowledged when its append failed, and the connection is closed", async () => {
    await using edge = await startBroker({ limits: { refusalHoldMs: 100 } });
    const peer = await edge.rawConnected();
    edge.log.failWith(new MillraceError("LOG_FULL", "full"));
    peer.send(rawPublish(TOPIC_A, "x", 5));
    const startedAt = performance.now();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(performance.now() - startedAt).toBeGreaterThan(90);
    expect(edge.refused("append-failed")).toBe(1);
    // The log says so itself: the broker would go on saying it while nobody writes.
    expect(edge.broker.notReadyReasons()).toEqual([]);

    edge.log.failWith(null);
    const client = await edge.client("a");
    await client.publishAsync(TOPIC_A, "x", { qos: 1 });
    expect(edge.broker.notReadyReasons()).toEqual([]);
  });

  test("that fails takes the acknowledgements of all after it along, not of those before it", async () => {
    await using edge = await startBroker({ limits: { refusalHoldMs: 20 } });
    edge.log.hold();
    const peer = await edge.rawConnected();
    peer.send(...[1, 2, 3].map((id) => rawPublish(TOPIC_A, `m${id}`, id)));
    await eventually(() => edge.log.waiting.length === 3, "three appends");
    const [first, second, third] = edge.log.waiting;
    third?.resolve();
    second?.reject(new MillraceError("LOG_IO", "disk gone"));
    first?.resolve();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(1));
  });

  test("is acknowledged in the order of arrival although appends settle in any order", async () => {
    const log = createMemoryLogIntake({ delayMs: () => Math.random() * 20 });
    await using edge = await startBroker({ log });
    const peer = await edge.rawConnected();
    const ids = Array.from({ length: 250 }, (_, index) => index + 1);
    peer.send(...ids.map((id) => rawPublish(TOPIC_A, `m${id}`, id)));
    const expected = CONNACK_ACCEPTED + ids.map(puback).join("");
    expect(await peer.receive((hex) => hex.length >= expected.length)).toBe(expected);
  });
});

describe("the window of unacknowledged messages", () => {
  test("stops reading instead of closing, and goes on when the log does", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 10 } });
    edge.log.hold();
    const peer = await edge.rawConnected();
    const ids = Array.from({ length: 35 }, (_, index) => index + 1);
    peer.send(...ids.map((id) => rawPublish(TOPIC_A, "x", id, id % 2 === 0 ? 2 : 0)), PINGREQ);
    await eventually(() => edge.log.waiting.length === 10, "the window is full");
    await sleep(50);
    expect(edge.log.waiting).toHaveLength(10);
    edge.log.release();
    const acknowledged = ids.filter((id) => id % 2 === 0).map(puback);
    // The last answer may overtake acknowledgements that still wait for the log; these come in order.
    const all = await peer.receive((hex) => hex.includes("d000") && hex.includes(puback(34)));
    expect(all.replace("d000", "")).toBe(CONNACK_ACCEPTED + acknowledged.join(""));
    expect(edge.log.records).toHaveLength(35);
  });

  test("counts bytes too, and that somebody waits", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedBytesPerConnectionMax: 1000 } });
    edge.log.hold();
    const peer = await edge.rawConnected();
    const ids = Array.from({ length: 9 }, (_, index) => index + 1);
    peer.send(...ids.map((id) => rawPublish(TOPIC_A, "x".repeat(300), id)));
    await eventually(() => edge.log.waiting.length === 4, "the window is full");
    await sleep(50);
    expect(edge.log.waiting).toHaveLength(4);
    expect(edge.gauge("millrace_mqtt_behind_total")).toBe(1);
    edge.log.release();
    const expected = CONNACK_ACCEPTED + ids.map(puback).join("");
    expect(await peer.receive((hex) => hex.length >= expected.length)).toBe(expected);
  });

  test("takes two hundred messages that were sent right behind CONNECT", async () => {
    await using edge = await startBroker();
    const peer = await edge.raw();
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    peer.send(rawConnect(), ...ids.map((id) => rawPublish(TOPIC_A, "x", id)));
    const expected = CONNACK_ACCEPTED + ids.map(puback).join("");
    expect(await peer.receive((hex) => hex.length >= expected.length)).toBe(expected);
  });

  test("does not let one stalled device stop another", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 2 } });
    edge.log.hold();
    const stalled = await edge.rawConnected();
    stalled.send(...[1, 2, 3, 4].map((id) => rawPublish(TOPIC_A, "x", id)));
    await eventually(() => edge.log.waiting.length === 2, "the window is full");
    const other = await edge.client("b");
    const published = other.publishAsync("millrace/acme/b/telemetry", "y", { qos: 1 });
    await eventually(() => edge.log.waiting.length === 3, "the other device's message arrives");
    edge.log.waiting[2]?.resolve();
    await published;
  });
});

describe("a goodbye", () => {
  test("right behind messages loses none of them, even before CONNACK", async () => {
    const log = createMemoryLogIntake({ delayMs: () => 20 });
    await using edge = await startBroker({ log });
    const peer = await edge.raw();
    peer.send(rawConnect(), rawPublish(TOPIC_A, "zero", 0, 0), rawPublish(TOPIC_A, "one", 1), DISCONNECT);
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(1));
    expect(edge.log.records.map(({ value }) => Buffer.from(value).toString())).toEqual(["zero", "one"]);
  });

  test("without a word, by closing one's side, loses none either", async () => {
    const log = createMemoryLogIntake({ delayMs: () => 20 });
    await using edge = await startBroker({ log });
    const peer = await edge.raw();
    peer.socket.end(Buffer.concat([rawConnect(), rawPublish(TOPIC_A, "zero", 0, 0), rawPublish(TOPIC_A, "one", 1)]));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(1));
    expect(edge.log.records).toHaveLength(2);
  });

  test("from the broker waits for what it has taken, and tells when devices were last seen", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "x", 3));
    await eventually(() => edge.log.waiting.length === 1, "the append is asked for");
    const stopped = edge.broker.stop(AbortSignal.timeout(5000));
    await sleep(30);
    edge.log.release();
    await stopped;
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(3));
    expect([...edge.seen.keys()]).toEqual(["acme/a"]);
  });

  test("from the broker is forced by its signal when the log does not answer", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "x", 3));
    await eventually(() => edge.log.waiting.length === 1, "the append is asked for");
    await edge.broker.stop(AbortSignal.timeout(50));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
  });
});
