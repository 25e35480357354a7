import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually, TOPIC_A } from "../support/broker-harness.ts";
import { collect, type Gateway, startGateway } from "../support/gateway-harness.ts";
import { findRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const program = findRedis();
const KILLS = 3;
/** Longer than the pause between two attempts. */
const BACK_MS = 1500;

const isUp = (edge: Gateway): boolean => edge.metric("millrace_gateway_link_up") === 1;

/** Publishes without a pause until `stop`; what was acknowledged is kept, in order. */
async function startTraffic(edge: Gateway) {
  const client = await edge.client("a");
  const acknowledged: string[] = [];
  let slowestMs = 0;
  let stopped = false;
  const run = async (): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const startedAt = performance.now();
      await client.publishAsync(TOPIC_A, String(n), { qos: 1 });
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      acknowledged.push(String(n));
    }
  };
  const running = run();
  return {
    acknowledged,
    slowestMs: () => slowestMs,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

describe.skipIf(program === null)("gateways whose Redis goes away (need the redis-server package)", () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedis(program ?? "");
  });
  afterEach(() => redis?.dispose());

  it("acknowledge telemetry all the time, lose none, and deliver across again: kill -9 in mid-traffic", async () => {
    await using one = await startGateway(redis.url());
    await using two = await startGateway(redis.url());
    const subscriber = await two.client("a");
    const received = collect(subscriber);
    await subscriber.subscribeAsync("millrace/acme/a/#", { qos: 1 });
    const traffic = await startTraffic(one);
    for (let kill = 0; kill < KILLS; kill++) {
      await eventually(() => isUp(one) && isUp(two), "both are linked");
      const before = received.length;
      await eventually(() => received.length > before + 50, "messages cross");
      await redis.kill();
      await eventually(() => !isUp(one) && !isUp(two), "the loss is seen");
      const then = traffic.acknowledged.length;
      await eventually(() => traffic.acknowledged.length > then + 200, "telemetry is acknowledged without Redis");
      await redis.start();
    }
    await eventually(() => isUp(one) && isUp(two), "both are linked");
    const before = received.length;
    await eventually(() => received.length > before + 50, "messages cross again");
    await traffic.stop();
    const stored = one.log.records.map(({ value }) => Buffer.from(value).toString());
    expect(traffic.acknowledged.filter((text) => !stored.includes(text))).toEqual([]);
    expect(new Set(received).size).toBe(received.length);
    expect(received).toEqual(received.toSorted((x, y) => Number(x.split(" ")[1]) - Number(y.split(" ")[1])));
    expect(one.metric("millrace_gateway_link_lost_total")).toBeGreaterThan(0);
    await eventually(() => one.faults.at(-1)?.transition === "cleared", "the fault is over");
    const raised = one.faults.filter(({ text }) => text.startsWith("other gateways"));
    expect(raised.length).toBeGreaterThanOrEqual(KILLS);
    expect(raised[0]?.text).toMatch(
      /^other gateways are not reached: Redis redis:\/\/127\.0\.0\.1:\d+: [^\n]+\. Start Redis there, [^\n]+ are lost\.$/,
    );
    expect(one.broker.notReadyReasons()).toEqual([]);
  });

  it("keep no more than their limit for a Redis that hangs, leave it, and find it again", async () => {
    // Nobody waits for a Redis that was left: whoever did would wait for long.
    const linkLimits = { gatewayLinkBytesMax: 100_000, gatewayAnswerTimeoutMs: 1000, gatewayWaitMs: 60_000 };
    await using one = await startGateway(redis.url(), { linkLimits });
    await using two = await startGateway(redis.url(), { linkLimits });
    const subscriber = await two.client("a");
    const received = collect(subscriber);
    await subscriber.subscribeAsync("millrace/acme/a/#");
    const publisher = await one.client("a");
    redis.freeze();
    const lost = () => one.metric("millrace_gateway_link_lost_total");
    const payload = Buffer.alloc(1000, "x");
    for (let n = 0; n < 500; n++) await publisher.publishAsync(TOPIC_A, payload, { qos: 1 });
    // 100 kB hold fewer than 80 of them.
    expect(lost()).toBeGreaterThan(420);
    await eventually(() => !isUp(one), "it is left");
    await one.client("a", { clientId: "new", connectTimeout: 10_000 });
    redis.thaw();
    await eventually(() => isUp(one) && isUp(two), "it is found again");
    await sleep(100);
    received.length = 0;
    await publisher.publishAsync(TOPIC_A, "after", { qos: 1 });
    await eventually(() => received.includes(`${TOPIC_A} after`), "messages cross again");
  });

  it("let a client in while Redis hangs, after no more than the wait that a take-over has", async () => {
    await using one = await startGateway(redis.url(), { linkLimits: { gatewayWaitMs: 200 } });
    redis.freeze();
    const client = await one.client("a", { clientId: "patient" });
    await client.subscribeAsync("millrace/acme/a/#");
    redis.thaw();
  });

  it("end all but one connection of a client that connected at several meanwhile", async () => {
    await using one = await startGateway(redis.url());
    await using two = await startGateway(redis.url());
    const total = () => one.broker.connections + two.broker.connections;
    await redis.kill();
    await eventually(() => !isUp(one) && !isUp(two), "the loss is seen");
    await one.client("a", { clientId: "same" });
    await two.client("a", { clientId: "same" });
    await two.client("a", { clientId: "other" });
    expect(total()).toBe(3);
    await redis.start();
    await eventually(() => total() === 2, "one is ended");
    await sleep(BACK_MS);
    expect(total()).toBe(2);
  });

  it("start with a Redis that hangs, and are linked when it goes on", async () => {
    redis.freeze();
    await using one = await startGateway(redis.url(), { linkLimits: { gatewayConnectTimeoutMs: 300 } });
    expect(one.faults[0]?.text).toContain("no answer within 300 ms");
    await (await one.client("a")).publishAsync(TOPIC_A, "x", { qos: 1 });
    redis.thaw();
    await eventually(() => isUp(one), "it is linked");
  });

  it("start without Redis, take telemetry and subscriptions, and are linked as soon as it is there", async () => {
    await redis.kill();
    await using one = await startGateway(redis.url());
    await using two = await startGateway(redis.url());
    expect(one.faults[0]?.transition).toBe("raised");
    const subscriber = await two.client("a");
    const received = collect(subscriber);
    await subscriber.subscribeAsync("millrace/acme/a/#");
    const publisher = await one.client("a");
    await publisher.publishAsync(TOPIC_A, "before", { qos: 1 });
    await redis.start();
    await eventually(() => isUp(one) && isUp(two), "both are linked");
    // Linked is not yet known: what the other one asks for follows right behind its first word.
    await eventually(
      () => one.metric("millrace_gateway_link_gateways") === 1,
      "the publisher's gateway knows the other",
    );
    await publisher.publishAsync(TOPIC_A, "after", { qos: 1 });
    await eventually(() => received.length > 0, "the delivery");
    expect(received).toEqual([`${TOPIC_A} after`]);
    expect(one.log.records).toHaveLength(2);
  });
});
