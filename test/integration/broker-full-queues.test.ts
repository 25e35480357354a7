import { describe, expect, test } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { texts } from "../contract/session-store/session-stand.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { collect } from "../support/gateway-harness.ts";
import { resumeKept } from "../support/kept-peer.ts";
import { MemorySessionStore } from "../support/memory-session-store.ts";
import { rawSubscribe } from "../support/raw-mqtt.ts";

const FILTER = "millrace/acme/a/#";
const SHARED = `$share/group/${FILTER}`;

/** A broker whose sessions have two messages each waiting at most. */
async function startSmall(fields: { readonly clock?: { now(): number } } = {}) {
  const limits = { sessionQueueMessagesMax: 2, sessionMessageAgeMaxMs: 1000 };
  const sessions = new MemorySessionStore({ ...LIMITS, ...limits });
  const edge = await startBroker({ sessions, limits, ...fields });
  return Object.assign(edge, { queued: (clientId: string) => texts(sessions, `acme/a/${clientId}`) });
}

/** A client whose session is kept, and which has gone. */
async function leave(edge: BrokerHarness, clientId: string, filter: string | string[]): Promise<void> {
  const client = await edge.client("a", { clientId, clean: false });
  await client.subscribeAsync(filter, { qos: 1 });
  await client.endAsync();
  await eventually(() => edge.broker.connections === 0, "the client has gone");
}

async function publish(edge: BrokerHarness, ...payloads: readonly string[]): Promise<void> {
  const client = await edge.client("a", { clientId: "publisher" });
  for (const payload of payloads) await client.publishAsync(TOPIC_A, payload, { qos: 1 });
  await client.endAsync();
}

const discarded = (edge: BrokerHarness) => edge.gauge("millrace_session_discarded_total");

describe("a group with a member whose queue is full", () => {
  test("has its messages taken by another one, and loses those that nobody can take", async () => {
    await using edge = await startSmall();
    await leave(edge, "busy", [FILTER, SHARED]);
    await leave(edge, "idle", SHARED);
    await publish(edge, "1", "2", "3");
    expect([await edge.queued("busy"), await edge.queued("idle")]).toEqual([
      ["1", "1"],
      ["2", "3"],
    ]);
    // What the busy one has asked for by itself.
    expect(discarded(edge)).toBe(2);
    await publish(edge, "4");
    expect(discarded(edge)).toBe(4);
  });

  test("goes on with a connected one whose session is not kept", async () => {
    await using edge = await startSmall();
    const stuck = await resumeKept(edge);
    stuck.send(rawSubscribe([SHARED], 1, 1));
    await stuck.receive((received) => received.endsWith("9003000101"));
    const live = await edge.client("a", { clientId: "live" });
    const received = collect(live);
    await live.subscribeAsync(SHARED, { qos: 1 });
    await publish(edge, "1", "2", "3", "4", "5", "6");
    await eventually(() => received.length === 4, "the others have come");
    expect(await edge.queued("kept")).toHaveLength(2);
    expect(discarded(edge)).toBe(0);
  });
});

test("a queue full of messages that are too old takes fresh ones, and counts the old ones as expired", async () => {
  let now = 1_700_000_000_000;
  await using edge = await startSmall({ clock: { now: () => now } });
  await leave(edge, "kept", FILTER);
  await publish(edge, "1", "2", "3");
  expect(discarded(edge)).toBe(1);
  now += 1001;
  await publish(edge, "4");
  expect(await edge.queued("kept")).toEqual(["4"]);
  expect(edge.gauge("millrace_mqtt_deliveries_expired_total")).toBe(2);
  expect(discarded(edge)).toBe(1);
});
