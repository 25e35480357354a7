import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { silentLogger } from "../../core/logger.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { MemorySessionStore } from "../support/memory-session-store.ts";
import {
  CONNACK_ACCEPTED,
  PINGREQ,
  packet,
  rawAnswer,
  rawConnect,
  rawPublish,
  type RawPeer,
  rawSubscribe,
} from "../support/raw-mqtt.ts";

const KEPT = { flags: 0xc0, clientId: "kept" };
const FILTER = "millrace/acme/a/#";
const UNSUBSCRIBE = packet(0xa2, [0, 9, 0, FILTER.length], Buffer.from(FILTER));
const QOS_2 = 4;
const RETAINED = 3;

const storeOf = (): MemorySessionStore => new MemorySessionStore(LIMITS);

async function subscribed(edge: BrokerHarness, qos: number, options = KEPT): Promise<RawPeer> {
  const peer = await edge.rawConnected(options);
  peer.send(rawSubscribe([FILTER], 1, qos));
  await peer.receive((received) => received.endsWith(`900300010${qos}`));
  return peer;
}

describe("a client that does too much", () => {
  test("has ten SUBSCRIBEs and UNSUBSCRIBEs wait for the store, and is not read until they are answered", async () => {
    const store = storeOf();
    await using edge = await startBroker({ sessions: store });
    const peer = await edge.rawConnected(KEPT);
    const gate = Promise.withResolvers<void>();
    const put = vi.spyOn(store, "put").mockImplementation(() => gate.promise);
    const flood = Array.from({ length: 500 }, () => [rawSubscribe([FILTER]), UNSUBSCRIBE]).flat();
    peer.send(...flood, PINGREQ);
    const other = await edge.client("b");
    await other.publishAsync("millrace/acme/b/telemetry", "{}", { qos: 1 });
    expect(put).toHaveBeenCalledTimes(LIMITS.answersWaitingMax);
    gate.resolve();
    await peer.receive((received) => received.endsWith("d000"));
    expect(put).toHaveBeenCalledTimes(flood.length);
  });

  test("asks for what is retained ten times at once", async () => {
    const store = storeOf();
    await using edge = await startBroker({ sessions: store, limits: { answersWaitingMax: 10 } });
    const peer = await edge.rawConnected(KEPT);
    peer.send(rawPublish(TOPIC_A, "x", 1, RETAINED));
    await peer.receive((received) => received.endsWith("40020001"));
    const gate = Promise.withResolvers<readonly []>();
    const retained = vi.spyOn(store, "retained").mockImplementation(() => gate.promise);
    peer.send(...Array.from({ length: 100 }, () => rawSubscribe([FILTER])));
    await peer.receive((received) => received.endsWith("9003000100".repeat(10)));
    await (await edge.client("b")).endAsync();
    expect(retained).toHaveBeenCalledTimes(10);
    gate.resolve([]);
    await eventually(() => retained.mock.calls.length === 100, "all were asked for");
  });

  test("has ten PUBRELs wait for the store", async () => {
    const store = storeOf();
    await using edge = await startBroker({ sessions: store });
    const peer = await edge.rawConnected(KEPT);
    const gate = Promise.withResolvers<void>();
    const complete = vi.spyOn(store, "complete").mockImplementation(() => gate.promise);
    const once = [rawPublish("v1/devices/me/attributes", "{}", 7, QOS_2), rawAnswer("pubrel", 7)];
    peer.send(...Array.from({ length: 100 }, () => once).flat(), PINGREQ);
    await (await edge.client("b")).endAsync();
    expect(complete).toHaveBeenCalledTimes(LIMITS.answersWaitingMax);
    gate.resolve();
    await peer.receive((received) => received.endsWith("70020007d000"));
    expect(complete).toHaveBeenCalledTimes(100);
  });

  test("says PUBREC for ever, and that is durable once", async () => {
    const store = storeOf();
    await using edge = await startBroker({ sessions: store });
    const peer = await subscribed(edge, 2);
    peer.send(rawPublish(TOPIC_A, "x", 7, QOS_2));
    await peer.receive((received) => received.includes(rawPublish(TOPIC_A, "x", 1, QOS_2).toString("hex")));
    const release = vi.spyOn(store, "release");
    peer.send(...Array.from({ length: 1000 }, () => rawAnswer("pubrec", 1)), PINGREQ);
    await peer.receive((received) => received.includes("d000"));
    peer.send(rawAnswer("pubrec", 1));
    await peer.receive((received) => received.endsWith("62020001".repeat(2)));
    expect(release).toHaveBeenCalledTimes(1);
  });

  test("acknowledges none of the empty messages that it gets, which take memory too", async () => {
    await using edge = await startBroker({ limits: { subscriberQueueBytesMax: 100_000 } });
    const peer = await subscribed(edge, 1, { ...KEPT, flags: 0xc2 });
    const publisher = await edge.rawConnected({ clientId: "publisher" });
    publisher.send(...Array.from({ length: 1000 }, (_, index) => rawPublish(TOPIC_A, "", index + 1)));
    await peer.closed;
    expect(edge.refused("subscriber-slow")).toBe(1);
  });
});

describe("while the store looks a session up", () => {
  /** Asks for a session, which the store does not answer before `found`. */
  async function askFor(edge: BrokerHarness, store: MemorySessionStore) {
    const gate = Promise.withResolvers<void>();
    const find = store.find.bind(store);
    const asked = vi.spyOn(store, "find").mockImplementation(async (client) => {
      const session = await find(client);
      await gate.promise;
      return session;
    });
    const peer = await edge.raw();
    peer.send(rawConnect(KEPT));
    await eventually(() => asked.mock.calls.length === 1, "the store was asked");
    asked.mockImplementation(find);
    return { peer, found: gate.resolve };
  }

  test("a revocation leaves nothing of it", async () => {
    const store = storeOf();
    await using edge = await startBroker({ sessions: store });
    (await subscribed(edge, 1)).socket.destroy();
    await eventually(() => edge.broker.connections === 0, "the client has gone");
    const { peer, found } = await askFor(edge, store);
    edge.broker.disconnect(["acme/a"]);
    found();
    await peer.closed;
    expect(await store.load()).toEqual([]);
  });

  test("a newer connection with clean session = 1 leaves nothing of it [MQTT-3.1.2-6]", async () => {
    const store = storeOf();
    await using edge = await startBroker({ sessions: store });
    (await subscribed(edge, 1)).socket.destroy();
    await eventually(() => edge.broker.connections === 0, "the client has gone");
    const { peer, found } = await askFor(edge, store);
    await edge.rawConnected({ ...KEPT, flags: 0xc2 });
    found();
    await peer.closed;
    expect(await store.load()).toEqual([]);
    const again = await edge.raw();
    again.send(rawConnect(KEPT));
    expect(await again.receive((received) => received.length > 0)).toBe(CONNACK_ACCEPTED);
  });
});

test("a store that takes nothing gets a line in the log, not one for each message", async () => {
  const store = storeOf();
  const warn = vi.fn<typeof silentLogger.warn>();
  await using edge = await startBroker({ sessions: store, logger: { ...silentLogger, warn } });
  await subscribed(edge, 1);
  const failing = vi.spyOn(store, "enqueue").mockRejectedValue(new Error("full"));
  const publisher = await edge.client("a");
  for (let n = 0; n < 20; n++) await publisher.publishAsync(TOPIC_A, "{}", { qos: 1 });
  expect(warn).toHaveBeenCalledTimes(1);
  expect(edge.gauge("millrace_mqtt_session_lost_total")).toBe(20);
  failing.mockRestore();
  await publisher.publishAsync(TOPIC_A, "{}", { qos: 1 });
  vi.spyOn(store, "enqueue").mockRejectedValue(new Error("full again"));
  await publisher.publishAsync(TOPIC_A, "{}", { qos: 1 });
  expect(warn).toHaveBeenCalledTimes(2);
});
