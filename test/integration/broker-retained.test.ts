import { describe, expect, test } from "vitest";
import type { MqttClient } from "mqtt";
import { eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import { CONNACK_PRESENT, rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const FILTER = "millrace/acme/a/#";

function collect(client: MqttClient): string[] {
  const received: string[] = [];
  client.on("message", (_topic, payload, { qos, retain }) =>
    received.push(`${payload.toString()} ${qos}${retain ? " retained" : ""}`),
  );
  return received;
}

describe("a retained message (3.3.1.3)", () => {
  test("is what a new subscription gets first, and what is live is not marked as retained", async () => {
    await using edge = await startBroker();
    const [publisher, subscriber] = [await edge.client("a"), await edge.client("a")];
    const received = collect(subscriber);
    await publisher.publishAsync(TOPIC_A, "old", { qos: 1, retain: true });
    await publisher.publishAsync(TOPIC_A, "kept", { qos: 1, retain: true });
    await publisher.publishAsync(TOPIC_A, "not kept", { qos: 1 });
    await subscriber.subscribeAsync(FILTER, { qos: 1 });
    await eventually(() => received.length === 1, "the retained one");
    await publisher.publishAsync(TOPIC_A, "live", { qos: 1, retain: true });
    await eventually(() => received.length === 2, "the live one");
    expect(received).toEqual(["kept 1 retained", "live 1"]);
    expect(edge.log.records).toHaveLength(4);
  });

  test("comes with each SUBSCRIBE again [MQTT-3.8.4-3], with the lower QoS, and not to a shared subscription", async () => {
    await using edge = await startBroker();
    const client = await edge.client("a");
    const received = collect(client);
    await client.publishAsync(TOPIC_A, "kept", { qos: 1, retain: true });
    await client.subscribeAsync(`$share/group/${FILTER}`, { qos: 1 });
    await client.subscribeAsync(FILTER, { qos: 0 });
    await client.subscribeAsync(FILTER, { qos: 2 });
    await eventually(() => received.length === 2, "twice");
    expect(received).toEqual(["kept 0 retained", "kept 1 retained"]);
  });

  test("is removed by an empty one [MQTT-3.3.1-10], and is nobody else's", async () => {
    await using edge = await startBroker();
    const [a, b] = [await edge.client("a"), await edge.client("b")];
    const received = [collect(a), collect(b)];
    await a.publishAsync(TOPIC_A, "kept", { qos: 1, retain: true });
    await b.publishAsync(TOPIC_B, "kept", { qos: 1, retain: true });
    await a.publishAsync(TOPIC_A, "", { qos: 1, retain: true });
    await a.subscribeAsync(FILTER);
    await b.subscribeAsync("millrace/acme/b/+");
    await eventually(() => received[1]?.length === 1, "b's own");
    expect(received).toEqual([[], ["kept 0 retained"]]);
  });

  test("may be a will [MQTT-3.1.2-17]", async () => {
    await using edge = await startBroker();
    const will = { topic: TOPIC_A, payload: Buffer.from("gone"), qos: 2 as const, retain: true };
    const mortal = await edge.client("a", { will });
    mortal.stream.destroy();
    await eventually(() => edge.log.records.length === 1, "the will is durable");
    const client = await edge.client("a");
    const received = collect(client);
    await client.subscribeAsync(FILTER, { qos: 2 });
    await eventually(() => received.length === 1, "the will");
    expect(received).toEqual(["gone 2 retained"]);
  });

  test("waits in the queue of a kept session like any other", async () => {
    await using edge = await startBroker();
    const publisher = await edge.client("a");
    await publisher.publishAsync(TOPIC_A, "kept", { qos: 1, retain: true });
    const first = await edge.client("a", { clientId: "kept", clean: false });
    const received = collect(first);
    await first.subscribeAsync(FILTER, { qos: 1 });
    await eventually(() => received.length === 1, "the retained one");
    expect(received).toEqual(["kept 1 retained"]);
  });
});

describe("$share/group/filter", () => {
  test("gives each message to one member, in turn, and to others as always", async () => {
    await using edge = await startBroker();
    const members = [await edge.client("a"), await edge.client("a")];
    const other = await edge.client("a");
    const received = [...members, other].map(collect);
    for (const member of members) await member.subscribeAsync(`$share/group/${FILTER}`, { qos: 1 });
    await other.subscribeAsync([FILTER, `$share/alone/${FILTER}`], { qos: 1 });
    for (const payload of ["1", "2", "3", "4"]) await other.publishAsync(TOPIC_A, payload, { qos: 1 });
    await eventually(() => received.flat().length === 12, "all deliveries");
    expect(received[0]?.length).toBe(2);
    expect([...(received[0] ?? []), ...(received[1] ?? [])].toSorted()).toEqual(["1 1", "2 1", "3 1", "4 1"]);
    expect(received[2]?.toSorted()).toEqual(["1 1", "1 1", "2 1", "2 1", "3 1", "3 1", "4 1", "4 1"]);
  });

  test("leaves out who is away as long as somebody is there, and queues for one when nobody is", async () => {
    await using edge = await startBroker();
    const kept = { clientId: "kept", clean: false };
    const away = await edge.client("a", kept);
    await away.subscribeAsync(`$share/group/${FILTER}`, { qos: 1 });
    await away.endAsync();
    const present = await edge.client("a");
    const received = collect(present);
    await present.subscribeAsync(`$share/group/${FILTER}`, { qos: 1 });
    const publisher = await edge.client("a");
    for (const payload of ["1", "2"]) await publisher.publishAsync(TOPIC_A, payload, { qos: 1 });
    await eventually(() => received.length === 2, "both");
    await present.endAsync();
    await publisher.publishAsync(TOPIC_A, "3", { qos: 1 });
    const back = await edge.raw();
    back.send(rawConnect({ flags: 0xc0, clientId: "kept" }));
    const expected = CONNACK_PRESENT + rawPublish(TOPIC_A, "3", 1).toString("hex");
    expect(await back.receive((hex) => hex.length >= expected.length)).toBe(expected);
  });

  test.each(["$share", "$share/", "$share/g", "$share/g/", "$share//x", "$share/g+/x"])(
    "refuses %s",
    async (filter) => {
      await using edge = await startBroker();
      const client = await edge.client("a");
      const outcome = await client.subscribeAsync(filter).catch(() => "refused");
      expect(outcome).toBe("refused");
    },
  );
});
