import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import { collect, ended, startGateway } from "../support/gateway-harness.ts";
import { rawConnect, rawPublish } from "../support/raw-mqtt.ts";
import { findRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const program = findRedis();

describe.skipIf(program === null)("gateways that share a Redis (need the redis-server package)", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(program ?? "");
  });
  afterAll(() => redis?.dispose());
  const gateway = (options?: Parameters<typeof startGateway>[1]) => startGateway(redis.url(), options);

  it("deliver each message once to each subscriber, wherever it connected, in the order of acknowledgement", async () => {
    await using one = await gateway();
    await using two = await gateway();
    await using three = await gateway();
    const subscribers = await Promise.all([one, two, two, three].map((edge) => edge.client("a")));
    const received = subscribers.map(collect);
    for (const client of subscribers) await client.subscribeAsync(["millrace/acme/a/#", "v1/devices/me/#"], { qos: 1 });
    const publisher = await one.client("a");
    const sent = Array.from({ length: 200 }, (_, n) => `${TOPIC_A} ${n}`);
    await Promise.all(sent.map((_, n) => publisher.publishAsync(TOPIC_A, String(n), { qos: n % 2 === 0 ? 1 : 0 })));
    await eventually(() => received.every(({ length }) => length >= sent.length), "all are delivered");
    await sleep(100);
    // Between the two QoS there is no order [MQTT-4.6.0-6].
    const byQos = [sent.filter((_, n) => n % 2 === 0), sent.filter((_, n) => n % 2 === 1)];
    expect(received.map((texts) => byQos.map((own) => texts.filter((text) => own.includes(text))))).toEqual(
      subscribers.map(() => byQos),
    );
    expect(received.map(({ length }) => length)).toEqual([200, 200, 200, 200]);
    expect(one.log.records).toHaveLength(200);
    expect([two.log.records, three.log.records]).toEqual([[], []]);
    expect(one.metric("millrace_gateway_link_sent_total")).toBe(400);
    expect(two.metric("millrace_gateway_link_sent_total")).toBe(0);
  });

  it("have told each other of a subscription when its SUBACK comes", async () => {
    await using one = await gateway();
    await using two = await gateway();
    const publisher = await one.client("a");
    for (let n = 0; n < 50; n++) {
      const subscriber = await two.client("a", { clientId: "s" });
      const received = collect(subscriber);
      await subscriber.subscribeAsync("millrace/acme/a/telemetry");
      await publisher.publishAsync(TOPIC_A, "x", { qos: 1 });
      await eventually(() => received.length === 1, `delivery ${n}`);
      await subscriber.endAsync();
    }
  });

  it("leave with one gateway what nobody asks for at another", async () => {
    await using one = await gateway();
    await using two = await gateway();
    const client = await two.client("a");
    await client.subscribeAsync("v1/devices/me/rpc/request/+");
    const brief = await two.client("b");
    await brief.subscribeAsync("millrace/acme/b/#");
    await brief.unsubscribeAsync("millrace/acme/b/#");
    for (const device of ["a", "b"] as const) {
      const publisher = await one.client(device);
      await publisher.publishAsync(device === "a" ? TOPIC_A : TOPIC_B, "x", { qos: 1 });
    }
    await sleep(50);
    expect(one.metric("millrace_gateway_link_sent_total")).toBe(0);
    expect(one.metric("millrace_gateway_link_lost_total")).toBe(0);
  });

  it("keep devices apart: what is another's is not delivered elsewhere either", async () => {
    await using one = await gateway();
    await using two = await gateway();
    const b = await two.client("b");
    const received = collect(b);
    await b.subscribeAsync("millrace/acme/b/#");
    const a = await one.client("a");
    await a.publishAsync(TOPIC_A, "a's", { qos: 1 });
    await (await one.client("b")).publishAsync(TOPIC_B, "b's", { qos: 1 });
    await eventually(() => received.length > 0, "b's own message");
    expect(received).toEqual([`${TOPIC_B} b's`]);
  });

  it("deliver a will to subscribers at another gateway", async () => {
    await using one = await gateway();
    await using two = await gateway();
    const witness = await two.client("a");
    const received = collect(witness);
    await witness.subscribeAsync("millrace/acme/a/#");
    const mortal = await one.client("a", {
      will: { topic: TOPIC_A, payload: Buffer.from("gone"), qos: 1, retain: false },
    });
    mortal.stream.destroy();
    await eventually(() => received.length === 1, "the will");
  });

  it("of two installations do not hear of each other", async () => {
    await using one = await gateway({ installation: "one" });
    await using two = await gateway({ installation: "two" });
    const subscriber = await two.client("a", { clientId: "same" });
    const received = collect(subscriber);
    await subscriber.subscribeAsync("millrace/acme/a/#");
    const publisher = await one.client("a", { clientId: "same" });
    await publisher.publishAsync(TOPIC_A, "x", { qos: 1 });
    await sleep(100);
    expect(received).toEqual([]);
    expect(two.broker.connections).toBe(1);
  });

  it("drop what is none of their messages, and go on", async () => {
    await using one = await gateway({ installation: "hostile" });
    for (const junk of [
      "",
      "{",
      '{"kind":"asks","from":"x"}',
      '{"kind":"claims","from":"x","round":"1","clients":[]}',
      "null",
    ]) {
      await redis.run(["PUBLISH", "millrace:hostile:gateways", junk]);
    }
    await eventually(() => one.metric("millrace_gateway_link_malformed_total") === 5, "all are counted");
    await (await one.client("a")).publishAsync(TOPIC_A, "x", { qos: 1 });
  });

  it("forget one that stops, at once, and one that falls silent", async () => {
    await using one = await gateway({ installation: "silent", linkLimits: { gatewaySilenceMs: 1500 } });
    const two = await gateway({ installation: "silent" });
    const others = () => one.metric("millrace_gateway_link_gateways");
    expect(others()).toBe(1);
    await redis.run(["PUBLISH", "millrace:silent:gateways", '{"kind":"alive","from":"ghost"}']);
    await eventually(() => others() === 2, "the ghost is heard of");
    await two[Symbol.asyncDispose]();
    await eventually(() => others() === 0, "both are forgotten");
  });

  it("send nothing more to one whose connection is gone, as soon as that shows", async () => {
    await using one = await gateway({ installation: "gone" });
    const asks = { kind: "asks", from: "gone", round: 0, began: ["acme/a"], ceased: [] };
    await redis.run(["PUBLISH", "millrace:gone:gateways", JSON.stringify(asks)]);
    await eventually(() => one.metric("millrace_gateway_link_gateways") === 1, "it is heard of");
    const publisher = await one.client("a");
    for (let n = 0; n < 5; n++) {
      await publisher.publishAsync(TOPIC_A, "x", { qos: 1 });
      await sleep(20);
    }
    expect(one.metric("millrace_gateway_link_lost_total")).toBe(1);
  });
});

describe.skipIf(program === null)("a client id at two gateways (needs the redis-server package)", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(program ?? "");
  });
  afterAll(() => redis?.dispose());
  const gateway = (options?: Parameters<typeof startGateway>[1]) => startGateway(redis.url(), options);

  it("of the same credential: the older connection has ended when the newer one's CONNACK comes", async () => {
    await using one = await gateway();
    await using two = await gateway();
    const older = await one.client("a", { clientId: "same" });
    const closed = ended(older);
    await two.client("a", { clientId: "same" });
    expect([one.broker.connections, two.broker.connections]).toEqual([0, 1]);
    await closed;
    expect(one.refused("taken-over")).toBe(1);
    await one.client("a", { clientId: "same" });
    expect([one.broker.connections, two.broker.connections]).toEqual([1, 0]);
  });

  it("of another credential takes nothing over, nor do clients without an id", async () => {
    await using one = await gateway();
    await using two = await gateway();
    await one.client("a", { clientId: "same" });
    await one.client("a", { clientId: "" });
    await two.client("b", { clientId: "same" });
    await two.client("a", { clientId: "" });
    await sleep(50);
    expect([one.broker.connections, two.broker.connections]).toEqual([2, 2]);
  });

  it("is settled first: the older connection's messages are answered for before the newer one is let in", async () => {
    await using one = await gateway({ linkLimits: { gatewayWaitMs: 20_000 } });
    await using two = await gateway({ linkLimits: { gatewayWaitMs: 20_000 } });
    const peer = await one.rawConnected({ clientId: "same" });
    one.log.hold();
    peer.send(rawPublish(TOPIC_A, "under way"));
    await eventually(() => one.log.waiting.length === 1, "the message is under way");
    let letIn = false;
    const newer = two.client("a", { clientId: "same" }).then(() => (letIn = true));
    await peer.closed;
    await sleep(100);
    expect(letIn).toBe(false);
    one.log.release();
    await newer;
    expect(one.log.records).toHaveLength(1);
  });

  it("is let in all the same when the older one's log does not answer in time", async () => {
    await using one = await gateway();
    await using two = await gateway({ linkLimits: { gatewayWaitMs: 200 } });
    const peer = await one.rawConnected({ clientId: "same" });
    one.log.hold();
    peer.send(rawPublish(TOPIC_A, "stuck"));
    await eventually(() => one.log.waiting.length === 1, "the message is under way");
    await two.client("a", { clientId: "same" });
    one.log.release();
  });

  it(
    "that connects at all gateways at once is left with exactly one connection, every time",
    { timeout: 60_000 },
    async () => {
      await using one = await gateway();
      await using two = await gateway();
      await using three = await gateway();
      const gateways = [one, two, three];
      const total = () => gateways.reduce((sum, { broker }) => sum + broker.connections, 0);
      for (let round = 0; round < 60; round++) {
        const clientId = `racer-${round}`;
        // Two at each: local and remote take-overs cross.
        const attempts = await Promise.all([...gateways, ...gateways].map((edge) => edge.raw()));
        for (const peer of attempts) peer.send(rawConnect({ clientId }));
        await eventually(() => total() === 1, `round ${round} ends with one`);
        await sleep(round % 7);
        expect(total()).toBe(1);
        expect(attempts.filter(({ socket }) => !socket.closed)).toHaveLength(1);
        for (const { socket } of attempts) socket.destroy();
        await eventually(() => total() === 0, "all have gone");
      }
    },
  );
});
