import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { eventually, TOPIC_A } from "../support/broker-harness.ts";
import { type Gateway, startGateway } from "../support/gateway-harness.ts";
import { CLEAN, hex, resumeKept } from "../support/kept-peer.ts";
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
import { findRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const FILTER = "millrace/acme/a/#";
const DUP = 0x08;
const QOS_2 = 0x04;

const program = findRedis();

describe.skipIf(program === null)("gateways that share a Redis (need the redis-server package)", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis(program ?? "");
  });
  afterAll(() => redis?.dispose());

  let installations = 0;
  async function gateways(): Promise<AsyncDisposable & { readonly one: Gateway; readonly two: Gateway }> {
    const installation = `sessions${++installations}`;
    const one = await startGateway(redis.url(), { installation, clock: systemClock });
    const two = await startGateway(redis.url(), { installation, clock: systemClock });
    const dispose = async (): Promise<void> => {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
    };
    return { one, two, [Symbol.asyncDispose]: dispose };
  }

  async function subscribe(gateway: Gateway, qos = 1): Promise<RawPeer> {
    const peer = await resumeKept(gateway);
    peer.send(rawSubscribe([FILTER], 1, qos));
    await peer.receive((received) => received.endsWith(`900300010${qos}`));
    return peer;
  }

  async function publish(gateway: Gateway, payload: string, retain = false): Promise<void> {
    const client = await gateway.client("a", { clientId: "publisher" });
    await client.publishAsync(TOPIC_A, payload, { qos: 1, retain });
    await client.endAsync();
  }

  test("find a session wherever its client comes back, with what either has acknowledged meanwhile", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    const first = await subscribe(one);
    first.socket.destroy();
    await eventually(() => one.broker.connections === 0, "the client is away");
    await publish(one, "from one");
    await publish(two, "from two");
    const second = await resumeKept(two);
    const expected = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "from one", 1), rawPublish(TOPIC_A, "from two", 2));
    expect(await second.receive((received) => received.length >= expected.length)).toBe(expected);
    second.send(rawAnswer("puback", 1), PINGREQ);
    await second.receive((received) => received.endsWith("d000"));
    second.socket.destroy();
    const third = await resumeKept(one);
    const left = CONNACK_PRESENT + hex(rawPublish(TOPIC_A, "from two", 2, 2 | DUP));
    expect(await third.receive((received) => received.length >= left.length)).toBe(left);
  });

  test("deliver to a kept session that is connected elsewhere, once", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    const peer = await subscribe(one);
    await publish(two, "x");
    const expected = hex(rawPublish(TOPIC_A, "x", 1));
    await peer.receive((received) => received.endsWith(expected));
    await publish(one, "y");
    await peer.receive((received) => received.endsWith(expected + hex(rawPublish(TOPIC_A, "y", 2))));
  });

  test("take a session over from each other, and go on with QoS 2 where it broke off", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    const older = await resumeKept(one);
    older.send(rawPublish(TOPIC_A, "x", 7, QOS_2));
    await older.receive((received) => received.endsWith("50020007"));
    const newer = await resumeKept(two);
    await older.closed;
    expect(newer.received()).toBe(CONNACK_PRESENT);
    newer.send(rawPublish(TOPIC_A, "x", 7, QOS_2 | DUP), rawAnswer("pubrel", 7));
    await newer.receive((received) => received.endsWith("5002000770020007"));
    // The first one has kept that the message is in the log.
    expect([one, two].map(({ log }) => log.records.length)).toEqual([1, 0]);
  });

  test("retain a message for subscribers at either", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    await publish(one, "kept", true);
    const client = await two.client("a");
    const received: string[] = [];
    client.on("message", (_topic, payload, { retain }) => received.push(`${payload.toString()} ${retain}`));
    await client.subscribeAsync(FILTER, { qos: 1 });
    await eventually(() => received.length === 1, "the retained message");
    expect(received).toEqual(["kept true"]);
  });

  test("let only kept sessions share a subscription, and give each message to one of them", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    const clean = await one.rawConnected();
    clean.send(rawSubscribe([`$share/g/${FILTER}`], 1, 1));
    await clean.receive((received) => received.endsWith("9003000180"));
    expect(one.filtersRefused("filter-shared-transient")).toBe(1);
    const members = [await one.raw(), await two.raw()];
    for (const [index, member] of members.entries()) {
      member.send(rawConnect({ flags: 0xc0, clientId: `m${index}` }), rawSubscribe([`$share/g/${FILTER}`], 1, 1));
      await member.receive((received) => received.endsWith("9003000101"));
    }
    for (const payload of ["p1", "p2", "p3", "p4"]) await publish(one, payload);
    const copies = (): number =>
      members.flatMap((member) =>
        ["p1", "p2", "p3", "p4"].filter((p) => member.received().includes(hex(Buffer.from(p)))),
      ).length;
    await eventually(() => copies() === 4, "each message has come");
    expect(copies()).toBe(4);
  });

  test("give what is shared to whom is connected at another of them, rather than to whom is away", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    const shared = `$share/group/${FILTER}`;
    const away = await one.client("a", { clientId: "away", clean: false });
    await away.subscribeAsync(shared, { qos: 1 });
    await away.endAsync();
    const present = await two.client("a", { clientId: "present", clean: false });
    const received: string[] = [];
    present.on("message", (_topic, payload) => received.push(payload.toString()));
    await present.subscribeAsync(shared, { qos: 1 });
    const publisher = await one.client("a", { clientId: "publisher" });
    for (const payload of ["1", "2", "3", "4"]) await publisher.publishAsync(TOPIC_A, payload, { qos: 1 });
    await eventually(() => received.length === 4, "all of them are delivered");
    expect(received).toEqual(["1", "2", "3", "4"]);
  });

  test("forget a session with its credential, at all of them", async () => {
    await using pair = await gateways();
    const { one, two } = pair;
    const peer = await subscribe(one);
    peer.socket.destroy();
    await eventually(() => one.broker.connections === 0, "the client is away");
    two.broker.disconnect(["acme/a"]);
    await publish(one, "x");
    const again = await resumeKept(one);
    expect(again.received()).toBe(CONNACK_ACCEPTED);
  });

  test("discard a session with clean session = 1 although the gateway began while Redis was away [MQTT-3.1.2-6]", async () => {
    const own = await startRedis(program ?? "", ["--appendonly", "yes", "--appendfsync", "always"]);
    try {
      await using one = await startGateway(own.url(), { clock: systemClock });
      const first = await subscribe(one);
      first.socket.destroy();
      await eventually(() => one.broker.connections === 0, "the client is away");
      await publish(one, "x");
      await own.kill();
      await using two = await startGateway(own.url(), { clock: systemClock });
      await two.rawConnected(CLEAN);
      await own.start();
      const kept = async (): Promise<number> => Number(await own.run(["HLEN", "millrace:test:session:sessions"]));
      await expect.poll(kept, { timeout: 30_000 }).toBe(0);
      await eventually(() => two.metric("millrace_gateway_link_up") === 1, "gateways are linked again");
      expect((await resumeKept(one)).received()).toBe(CONNACK_ACCEPTED);
    } finally {
      await own.dispose();
    }
  });
});
