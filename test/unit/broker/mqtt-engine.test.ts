import { Duplex } from "node:stream";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMqttEngine, type EngineConnection, type MqttEngine } from "../../../broker/mqtt-engine.ts";
import { LIMITS } from "../../../core/limits.ts";
import { silentLogger } from "../../../core/logger.ts";
import { CONNACK_ACCEPTED, rawConnect, rawPublish, rawSubscribe } from "../../support/raw-mqtt.ts";

let engine: MqttEngine;
/** What the SUBACK of a filter waits for. */
let heard: (filter: string) => Promise<void> | null = () => null;

beforeEach(async () => {
  engine = createMqttEngine(LIMITS, silentLogger, (filter) => heard(filter));
  await engine.start();
});

afterEach(() => {
  heard = () => null;
  return engine.stop();
});

let number = 0;

interface Attached {
  readonly ends: string[];
  received(): string;
  send(...packets: readonly Buffer[]): Promise<void>;
}

/** A connection that allows everything, apart from what the test says. */
async function attach(overrides: Partial<EngineConnection> = {}): Promise<Attached> {
  const ends: string[] = [];
  let received = "";
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      received += chunk.toString("hex");
      done();
    },
  });
  const connection: EngineConnection = {
    engineId: `c/${++number}`,
    engineReady: () => undefined,
    maySubscribe: () => true,
    mayReceive: () => true,
    end(reason) {
      // As the real one: what follows from the first end is not told.
      if (ends.length === 0) ends.push(reason);
      stream.destroy();
    },
    ...overrides,
  };
  engine.attach(connection, stream);
  const send = async (...packets: readonly Buffer[]): Promise<void> => {
    for (const packet of packets) stream.push(packet);
    await settle();
  };
  await send(rawConnect());
  return { ends, received: () => received.slice(CONNACK_ACCEPTED.length), send };
}

async function route(...messages: readonly [topic: string, payload: string, qos: 0 | 1][]): Promise<void> {
  for (const [topic, payload, qos] of messages) engine.route(topic, { qos, payload: Buffer.from(payload) });
  await settle();
}

/** Turns of the event loop beside the time: on a busy machine the time may be over before the engine had a turn. */
async function settle(): Promise<void> {
  await sleep(20);
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
}

const throwing = (): never => {
  throw new TypeError("a bug");
};

describe("the MQTT engine", () => {
  test("asks per delivery whether a connection may receive, whatever it has subscribed to", async () => {
    const curious = await attach({ mayReceive: (topic) => topic === "own" });
    const frank = await attach();
    await curious.send(rawSubscribe(["#", "$SYS/#"]));
    await frank.send(rawSubscribe(["#", "$SYS/#"]));
    await attach();
    await route(["foreign", "x", 1], ["own", "y", 1]);
    const delivered = rawPublish("own", "y", 0, 0).toString("hex");
    expect(curious.received()).toBe(`9004000100${"00"}${delivered}`);
    // Without the answer "no" there is much to hear, from the engine itself too.
    expect(frank.received()).toContain(Buffer.from("/new/clients").toString("hex"));
    expect(frank.received()).toContain(rawPublish("foreign", "x", 0, 0).toString("hex"));
  });

  test("ends a connection at a refused filter instead of answering 0x80", async () => {
    const connection = await attach({ maySubscribe: (filter) => filter !== "b" });
    await connection.send(rawSubscribe(["a", "b", "c"]));
    expect(connection.ends).toEqual(["subscribe-filter"]);
    expect(connection.received()).toBe("");
  });

  test("takes no message from a client: what is published comes by another way", async () => {
    const subscriber = await attach();
    await subscriber.send(rawSubscribe(["t"]));
    const publisher = await attach();
    await publisher.send(rawPublish("t", "x", 1));
    expect(publisher.ends).toEqual(["protocol"]);
    expect(publisher.received()).toBe("");
    expect(subscriber.received()).toBe("9003000100");
  });

  test("delivers a message of QoS 1 although one of QoS 0 is right behind it", async () => {
    const subscriber = await attach();
    await subscriber.send(rawSubscribe(["t"]));
    await route(["t", "1 in front", 1], ["t", "0 behind", 0]);
    for (const text of ["1 in front", "0 behind"]) {
      expect(subscriber.received()).toContain(Buffer.from(text).toString("hex"));
    }
  });

  test("holds a SUBACK back until the subscription is heard of, and the subscription counts meanwhile", async () => {
    const hearing = Promise.withResolvers<void>();
    heard = (filter) => (filter === "slow" ? hearing.promise : null);
    const connection = await attach();
    await connection.send(rawSubscribe(["slow"], 1), rawSubscribe(["quick"], 2));
    await route(["slow", "own", 1]);
    const delivered = rawPublish("slow", "own", 0, 0).toString("hex");
    expect(connection.received()).toContain(delivered);
    expect(connection.received()).toContain("9003000200");
    expect(connection.received()).not.toContain("9003000100");
    hearing.resolve();
    await settle();
    expect(connection.received()).toContain("9003000100");
    expect(connection.ends).toEqual([]);
  });

  test("survives a throw in any of its hooks", async () => {
    const subscribing = await attach({ maySubscribe: throwing });
    await subscribing.send(rawSubscribe(["a"]));
    expect(subscribing.ends).toEqual(["subscribe-filter"]);

    const receiving = await attach({ mayReceive: throwing, engineReady: throwing });
    await receiving.send(rawSubscribe(["t"]));
    const witness = await attach();
    await witness.send(rawSubscribe(["t"]));
    await route(["t", "x", 1]);
    expect(witness.received()).toBe(`9003000100${rawPublish("t", "x", 0, 0).toString("hex")}`);
    expect(receiving.received()).toBe("9003000100");
  });
});
