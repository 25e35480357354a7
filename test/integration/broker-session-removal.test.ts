import { describe, expect, test } from "vitest";
import { NO_OTHER_GATEWAYS } from "../../broker/gateway-link.ts";
import type { SessionChange } from "../../broker/session/session-store.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { MemorySessionStore } from "../support/memory-session-store.ts";
import { CLEAN, hex, KEPT, resumeKept } from "../support/kept-peer.ts";
import { CONNACK_ACCEPTED, CONNACK_PRESENT, rawConnect, rawPublish, rawSubscribe } from "../support/raw-mqtt.ts";

const FILTER = "millrace/acme/a/#";
const CLIENT = "acme/a/kept";
const REFUSED = "20020003";

/** A store that refuses to remove while it is told to, and that other gateways may seem to change. */
function stubbornStore() {
  const sessions = new MemorySessionStore(LIMITS);
  const load = sessions.load.bind(sessions);
  const remove = sessions.remove.bind(sessions);
  const tell: (change: SessionChange) => void = () => undefined;
  const stubborn = { sessions, isRefusing: false, refusals: 0, tell };
  sessions.load = (watch = tell) => {
    stubborn.tell = watch;
    return load();
  };
  sessions.remove = (client) => {
    if (!stubborn.isRefusing) return remove(client);
    stubborn.refusals += 1;
    return Promise.reject(new MillraceError("SESSION_STORE_IO", "the disk is full"));
  };
  return stubborn;
}

async function subscribeAndLeave(edge: BrokerHarness): Promise<void> {
  const peer = await resumeKept(edge);
  peer.send(rawSubscribe([FILTER], 1, 1));
  await peer.receive((received) => received.endsWith("9003000101"));
  peer.socket.destroy();
  await eventually(() => edge.broker.connections === 0, "the connection is over");
}

async function publish(edge: BrokerHarness, ...payloads: readonly string[]): Promise<void> {
  const client = await edge.client("a", { clientId: "publisher" });
  for (const payload of payloads) await client.publishAsync(TOPIC_A, payload, { qos: 1 });
  await client.endAsync();
}

async function answerTo(edge: BrokerHarness, connect: typeof KEPT): Promise<string> {
  const peer = await edge.raw();
  peer.send(rawConnect(connect));
  const answer = await peer.receive((received) => received.length >= CONNACK_ACCEPTED.length);
  peer.socket.destroy();
  return answer.slice(0, CONNACK_ACCEPTED.length);
}

const isKept = async (store: MemorySessionStore) => (await store.find(CLIENT)) !== null;

async function untilRemoved(store: MemorySessionStore): Promise<void> {
  const left: boolean[] = [];
  await eventually(() => {
    void isKept(store).then((kept) => left.push(kept));
    return left.at(-1) === false;
  }, "it is removed");
}

describe("a session that the store does not remove", () => {
  test("refuses each CONNECT with clean session = 1 until it is gone [MQTT-3.1.2-6]", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions });
    await subscribeAndLeave(edge);
    await publish(edge, "one");
    store.isRefusing = true;
    for (let n = 0; n < 2; n++) expect(await answerTo(edge, CLEAN)).toBe(REFUSED);
    store.isRefusing = false;
    expect(await answerTo(edge, CLEAN)).toBe(CONNACK_ACCEPTED);
    expect(await isKept(sessions)).toBe(false);
    expect(await answerTo(edge, KEPT)).toBe(CONNACK_ACCEPTED);
  });

  test("goes on as it was when the CONNECT that was to discard it was refused", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions });
    await subscribeAndLeave(edge);
    store.isRefusing = true;
    expect(await answerTo(edge, CLEAN)).toBe(REFUSED);
    await publish(edge, "one");
    const peer = await resumeKept(edge);
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "one", 1));
    expect(await peer.receive((received) => received.length >= expected.length)).toBe(expected);
  });

  test("gives nobody what was queued before its credential was revoked, and is removed when the store can", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions, limits: { sessionExpiryMs: 60_000 } });
    await subscribeAndLeave(edge);
    await publish(edge, "one");
    store.isRefusing = true;
    edge.broker.disconnect(["acme/a"]);
    await publish(edge, "two");
    for (const connect of [KEPT, CLEAN]) expect(await answerTo(edge, connect)).toBe(REFUSED);
    store.isRefusing = false;
    expect(await answerTo(edge, KEPT)).toBe(CONNACK_ACCEPTED);
    expect(await sessions.queued(CLIENT, 0, 10)).toEqual([]);
  });

  test("is removed by itself once its credential is revoked and the store takes it", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    const clock = { now: () => 1_700_000_000_000 };
    await using edge = await startBroker({ sessions, clock, limits: { sessionExpiryMs: 20 } });
    await subscribeAndLeave(edge);
    store.isRefusing = true;
    edge.broker.disconnect(["acme/a"]);
    await eventually(() => store.refusals > 2, "it is tried again");
    store.isRefusing = false;
    await untilRemoved(sessions);
  });

  test("is kept beyond its time, and counted as expired when it is gone", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    let now = 1_700_000_000_000;
    await using edge = await startBroker({ sessions, clock: { now: () => now }, limits: { sessionExpiryMs: 20 } });
    await subscribeAndLeave(edge);
    store.isRefusing = true;
    now += 21;
    await eventually(() => store.refusals > 2, "it is tried again");
    expect(edge.gauge("millrace_mqtt_sessions_expired_total")).toBe(0);
    store.isRefusing = false;
    await eventually(() => edge.gauge("millrace_mqtt_sessions_expired_total") === 1, "it is removed");
    expect(await isKept(sessions)).toBe(false);
  });
});

describe("a session of which a gateway hears late", () => {
  const away = { client: CLIENT, subscriptions: [{ filter: FILTER, qos: 1 as const }], disconnectedAt: 5 };
  const shared = () => ({ link: { ...NO_OTHER_GATEWAYS }, clock: { now: () => 1_700_000_000_000 } });

  test("is removed when its client is connected with clean session = 1 by then [MQTT-3.1.2-6]", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions, ...shared() });
    await edge.rawConnected(CLEAN);
    await sessions.put(away);
    store.tell({ kind: "put", session: away });
    expect(await isKept(sessions)).toBe(false);
  });

  test("stays while its client is connected elsewhere, and is removed when that turns out to be over", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions, ...shared(), limits: { sessionExpiryMs: 1000 } });
    await edge.rawConnected(CLEAN);
    const connected = { ...away, disconnectedAt: null };
    await sessions.put(connected);
    store.tell({ kind: "put", session: connected });
    expect(await isKept(sessions)).toBe(true);
    await untilRemoved(sessions);
  });

  test("is one like any other when the client with clean session = 1 has gone", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions, ...shared() });
    (await edge.rawConnected(CLEAN)).socket.destroy();
    await eventually(() => edge.broker.connections === 0, "the connection is over");
    await sessions.put(away);
    store.tell({ kind: "put", session: away });
    expect(await answerTo(edge, KEPT)).toBe(CONNACK_PRESENT);
  });

  test("is removed when its credential was revoked and the store can be reached again", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions, ...shared() });
    await subscribeAndLeave(edge);
    store.isRefusing = true;
    edge.broker.disconnect(["acme/a"]);
    await eventually(() => store.refusals === 1, "it is refused");
    store.isRefusing = false;
    store.tell({ kind: "queued", client: CLIENT });
    expect(await isKept(sessions)).toBe(false);
  });

  test("is not removed when another gateway goes on with it after a revocation", async () => {
    const store = stubbornStore();
    const { sessions } = store;
    await using edge = await startBroker({ sessions, ...shared() });
    await subscribeAndLeave(edge);
    store.isRefusing = true;
    edge.broker.disconnect(["acme/a"]);
    await eventually(() => store.refusals === 1, "it is refused");
    store.isRefusing = false;
    store.tell({ kind: "removed", client: CLIENT });
    store.tell({ kind: "put", session: { ...away, disconnectedAt: null } });
    expect(await isKept(sessions)).toBe(true);
    expect(await answerTo(edge, KEPT)).toBe(CONNACK_PRESENT);
  });
});
