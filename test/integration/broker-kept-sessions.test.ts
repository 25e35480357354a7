import { describe, expect, test } from "vitest";
import { NO_OTHER_GATEWAYS } from "../../broker/gateway-link.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { MemorySessionStore } from "../support/memory-session-store.ts";
import { CLEAN, hex, KEPT, resumeKept } from "../support/kept-peer.ts";
import {
  CONNACK_ACCEPTED,
  CONNACK_PRESENT,
  PINGREQ,
  rawAnswer,
  rawConnect,
  rawPublish,
  rawSubscribe,
  type RawPeer,
} from "../support/raw-mqtt.ts";

const FILTER = "millrace/acme/a/#";
const DUP = 0x08;

/** A client that has subscribed and gone. */
async function subscribeAndLeave(edge: BrokerHarness, qos = 1, filter = FILTER): Promise<void> {
  const peer = await resumeKept(edge);
  peer.send(rawSubscribe([filter], 1, qos));
  await peer.receive((received) => received.endsWith(`900300010${qos}`));
  await leave(edge, peer);
}

async function leave(edge: BrokerHarness, peer: RawPeer): Promise<void> {
  const left = edge.broker.connections - 1;
  peer.socket.destroy();
  await eventually(() => edge.broker.connections === left, "the connection is over");
}

async function publish(edge: BrokerHarness, qos: 0 | 1 | 2, ...payloads: readonly string[]): Promise<void> {
  const client = await edge.client("a", { clientId: "publisher" });
  for (const payload of payloads) await client.publishAsync(TOPIC_A, payload, { qos });
  await client.endAsync();
}

describe("a session with clean session = 0", () => {
  test("gets what came while its client was away, once, and keeps its subscriptions [MQTT-3.1.2-4]", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge);
    await publish(edge, 1, "one", "two");
    const peer = await resumeKept(edge);
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "one", 1), rawPublish(TOPIC_A, "two", 2));
    expect(await peer.receive((received) => received.length >= expected.length)).toBe(expected);
    peer.send(rawAnswer("puback", 1), rawAnswer("puback", 2), PINGREQ);
    await peer.receive((received) => received.endsWith("d000"));
    await leave(edge, peer);
    const again = await resumeKept(edge);
    await publish(edge, 1, "three");
    const three = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "three", 3));
    expect(await again.receive((received) => received.length >= three.length)).toBe(three);
  });

  test("gets what it has not acknowledged again, with DUP and the same packet id [MQTT-4.4.0-1]", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge);
    await publish(edge, 1, "one", "two");
    const first = await resumeKept(edge);
    await first.receive((received) => received.includes(hex(Buffer.from("two"))));
    first.send(rawAnswer("puback", 1), PINGREQ);
    await first.receive((received) => received.endsWith("d000"));
    await leave(edge, first);
    const second = await resumeKept(edge);
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "two", 2, 2 | DUP));
    expect(await second.receive((received) => received.length >= expected.length)).toBe(expected);
  });

  test("gets with DUP what a gateway sent before it crashed, whichever connection it gets it with [MQTT-3.3.1-1]", async () => {
    const sessions = new MemorySessionStore(LIMITS);
    let now = 1_700_000_000_000;
    const options = { sessions, clock: { now: () => now++ }, limits: { deliveriesInFlightMax: 1 } };
    await using crashed = await startBroker({ ...options, limits: {} });
    await subscribeAndLeave(crashed);
    await publish(crashed, 1, "one", "two");
    const first = await resumeKept(crashed);
    await first.receive((received) => received.includes(hex(Buffer.from("two"))));
    await using edge = await startBroker(options);
    const second = await resumeKept(edge);
    await second.receive((received) => received.includes(hex(Buffer.from("one"))));
    await leave(edge, second);
    const third = await resumeKept(edge);
    await third.receive((received) => received.includes(hex(Buffer.from("one"))));
    third.send(rawAnswer("puback", 1));
    await third.receive((received) => received.endsWith(hex(rawPublish(TOPIC_A, "two", 2, 2 | DUP))));
  });

  test("is gone after a CONNECT with clean session = 1 [MQTT-3.1.2-6]", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge);
    await publish(edge, 1, "one");
    const clean = await resumeKept(edge, CLEAN);
    expect(clean.received()).toBe(CONNACK_ACCEPTED);
    await leave(edge, clean);
    const peer = await resumeKept(edge);
    await publish(edge, 1, "two");
    expect(peer.received()).toBe(CONNACK_ACCEPTED);
  });

  test("keeps what it subscribes to in a group", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge, 1, `$share/group/${FILTER}`);
    await leave(edge, await resumeKept(edge));
    await publish(edge, 1, "one");
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "one", 1));
    expect(await (await resumeKept(edge)).receive((received) => received.length >= expected.length)).toBe(expected);
  });

  test("loses its filter by UNSUBSCRIBE, for good", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge);
    const client = await edge.client("a", { clientId: "kept", clean: false });
    await client.unsubscribeAsync(FILTER);
    await client.endAsync();
    await publish(edge, 1, "one");
    expect((await resumeKept(edge)).received()).toBe(CONNACK_PRESENT);
  });

  test("gets nothing of QoS 0 from its time away, and of QoS 2 what its filter grants", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge, 1);
    await publish(edge, 0, "zero");
    await publish(edge, 2, "two");
    const peer = await resumeKept(edge);
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "two", 1));
    expect(await peer.receive((received) => received.length >= expected.length)).toBe(expected);
  });

  test("is kept for a time, and so are its messages", async () => {
    let now = 1_700_000_000_000;
    const limits = { sessionMessageAgeMaxMs: 1000 };
    await using edge = await startBroker({ limits, clock: { now: () => now } });
    await subscribeAndLeave(edge);
    await publish(edge, 1, "old");
    now += 1001;
    await publish(edge, 1, "new");
    const peer = await resumeKept(edge);
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "new", 2));
    expect(await peer.receive((received) => received.length >= expected.length)).toBe(expected);
    expect(edge.gauge("millrace_mqtt_deliveries_expired_total")).toBe(1);
  });

  test("is removed when its client does not come back in time", async () => {
    await using edge = await startBroker({ limits: { sessionExpiryMs: 50 }, clock: { now: () => performance.now() } });
    await subscribeAndLeave(edge);
    await eventually(() => edge.gauge("millrace_mqtt_sessions_expired_total") === 1, "the session expires");
    expect((await resumeKept(edge)).received()).toBe(CONNACK_ACCEPTED);
  });

  test("goes with the credential", async () => {
    await using edge = await startBroker();
    await subscribeAndLeave(edge);
    await publish(edge, 1, "one");
    edge.broker.disconnect(["acme/a"]);
    const peer = await resumeKept(edge);
    await publish(edge, 1, "two");
    expect(peer.received()).toBe(CONNACK_ACCEPTED);
  });

  test("is one of a bounded number, of each device and of all", async () => {
    await using edge = await startBroker({ limits: { keptSessionsPerDeviceMax: 2, keptSessionsMax: 3 } });
    const open = async (device: string, clientId: string): Promise<string> => {
      const peer = await edge.raw();
      peer.send(rawConnect({ flags: 0xc0, clientId, rest: ["user", `token-${device}`] }));
      return peer.receive((received) => received.length === CONNACK_ACCEPTED.length);
    };
    for (const id of ["1", "2"]) expect(await open("a", id)).toBe(CONNACK_ACCEPTED);
    expect(await open("a", "3")).toBe("20020003");
    expect(await open("b", "1")).toBe(CONNACK_ACCEPTED);
    expect(await open("b", "2")).toBe("20020003");
    expect([edge.refused("sessions-per-device"), edge.refused("sessions-total")]).toEqual([1, 1]);
  });

  test("is sent no more than it acknowledges", async () => {
    await using edge = await startBroker({ limits: { deliveriesInFlightMax: 2 } });
    await subscribeAndLeave(edge);
    await publish(edge, 1, "one", "two", "three");
    const peer = await resumeKept(edge);
    peer.send(PINGREQ);
    await peer.receive((received) => received.includes("d000"));
    expect(peer.received()).not.toContain(hex(Buffer.from("three")));
    peer.send(rawAnswer("puback", 2));
    await peer.receive((received) => received.endsWith(hex(rawPublish(TOPIC_A, "three", 3))));
  });
});

/** A store whose queues take messages only when the test lets them. */
function slowStore() {
  const sessions = new MemorySessionStore(LIMITS);
  const enqueue = sessions.enqueue.bind(sessions);
  let queueing: Promise<void> = Promise.resolve();
  sessions.enqueue = async (...call) => {
    await queueing;
    return enqueue(...call);
  };
  const queueBehind = (promise: Promise<void>): void => {
    queueing = promise;
  };
  return { sessions, queueBehind };
}

describe("the session store", () => {
  test("has a message for a kept session before its PUBACK leaves, and answers keep their order", async () => {
    const { sessions, queueBehind } = slowStore();
    await using edge = await startBroker({ sessions });
    await subscribeAndLeave(edge);
    const { promise, resolve } = Promise.withResolvers<void>();
    queueBehind(promise);
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "x", 1));
    await eventually(() => edge.log.records.length === 1, "the message is durable");
    peer.send(rawPublish("v1/devices/me/attributes", "{}", 2), rawPublish(TOPIC_A, "y", 3));
    queueBehind(Promise.resolve());
    const other = await edge.rawConnected({ clientId: "other" });
    other.send(rawPublish(TOPIC_A, "z", 9));
    await other.receive((received) => received.endsWith("40020009"));
    expect(peer.received()).toBe(CONNACK_ACCEPTED);
    resolve();
    expect(await peer.receive((received) => received.endsWith("40020003"))).toBe(
      `${CONNACK_ACCEPTED}400200014002000240020003`,
    );
  });

  test("is let go of when the broker cannot start, whatever keeps it from that", async () => {
    const sessions = new MemorySessionStore(LIMITS);
    const stopped = Promise.withResolvers<void>();
    sessions.stop = () => Promise.resolve(stopped.resolve());
    const link = { ...NO_OTHER_GATEWAYS, start: () => Promise.reject(new MillraceError("CONFIG_INVALID", "no right")) };
    await expect(startBroker({ sessions, link })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await stopped.promise;
  });

  test("that fails while a client comes back does not make its session look connected for ever", async () => {
    const sessions = new MemorySessionStore(LIMITS);
    const clock = { now: () => performance.now() };
    await using edge = await startBroker({ sessions, clock, limits: { sessionExpiryMs: 200 } });
    await subscribeAndLeave(edge);
    const put = sessions.put.bind(sessions);
    sessions.put = () => {
      sessions.put = put;
      return Promise.reject(new MillraceError("SESSION_STORE_IO", "away"));
    };
    const peer = await edge.raw();
    peer.send(rawConnect(KEPT));
    expect(await peer.closed).toBe("20020003");
    await eventually(() => edge.gauge("millrace_mqtt_sessions_expired_total") === 1, "the session expires");
  });

  test("that fails costs the session its message, and telemetry nothing", async () => {
    const sessions = new MemorySessionStore(LIMITS);
    await using edge = await startBroker({ sessions });
    await subscribeAndLeave(edge);
    sessions.enqueue = () => Promise.reject(new MillraceError("SESSION_STORE_IO", "away"));
    await publish(edge, 1, "lost");
    expect(edge.log.records).toHaveLength(1);
    expect(edge.gauge("millrace_mqtt_session_lost_total")).toBe(1);
    sessions.put = () => Promise.reject(new MillraceError("SESSION_STORE_IO", "away"));
    const peer = await edge.raw();
    peer.send(rawConnect(KEPT));
    expect(await peer.closed).toBe("20020003");
    expect(edge.refused("session-store")).toBe(1);
  });
});
