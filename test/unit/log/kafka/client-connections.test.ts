import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createKafkajsClient } from "../../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../../log/kafka/platformatic-client.ts";
import { startDeafBroker, startTlsOnly, type FalseBroker } from "../../../support/false-brokers.ts";
import type { KafkaConnection } from "../../../../log/kafka/kafka-client.ts";

const CLIENTS = [
  ["@platformatic/kafka", createPlatformaticClient],
  ["kafkajs", createKafkajsClient],
] as const;
const VERSIONS = { apiKey: 18, apiVersion: 0, body: [] };
/** The broker does not answer it. */
const METADATA = { apiKey: 3, apiVersion: 8, body: [Buffer.alloc(7)] };

let broker: FalseBroker | null = null;
afterEach(() => {
  broker?.close();
  broker = null;
});

describe.each(CLIENTS)("a connection through %s", (_name, createClient) => {
  async function connect(requestTimeoutMs: number): Promise<KafkaConnection> {
    broker = await startDeafBroker();
    const client = createClient({ clientId: "test", tls: null, sasl: null, connectTimeoutMs: 1000, requestTimeoutMs });
    return client.connect(broker.address);
  }

  test("gives the bytes of the answer", async () => {
    const connection = await connect(5000);
    const answer = await connection.send(VERSIONS);
    expect([answer.readInt16BE(0), answer.readInt32BE(2)]).toEqual([0, 30]);
    connection.close();
  });

  test("rejects what waits when it is closed, and takes no more", async () => {
    const connection = await connect(60_000);
    const waiting = [connection.send(METADATA), connection.send(METADATA)].map((answer) =>
      expect(answer).rejects.toMatchObject({ code: "LOG_IO" }),
    );
    await delay(20);
    connection.close();
    await Promise.all(waiting);
    expect(connection.isOpen).toBe(false);
    await expect(connection.send(VERSIONS)).rejects.toMatchObject({ code: "LOG_IO" });
  });

  test("is given up with all that waits when one answer does not come in time", async () => {
    const connection = await connect(400);
    const isLost = (answer: Promise<unknown>) => expect(answer).rejects.toMatchObject({ code: "LOG_IO" });
    const first = isLost(connection.send(METADATA));
    await delay(200);
    const second = isLost(connection.send(METADATA));
    await first;
    expect(connection.isOpen).toBe(false);
    await second;
  });

  test("rejects what waits when the broker goes", async () => {
    const connection = await connect(60_000);
    const waiting = connection.send(METADATA);
    setTimeout(() => broker?.close(), 20);
    await expect(waiting).rejects.toMatchObject({ code: "LOG_IO" });
    expect(connection.isOpen).toBe(false);
  });

  test("sets no timers while nothing waits", async () => {
    const connection = await connect(5000);
    await connection.send(VERSIONS);
    const { setTimeout: original } = globalThis;
    let timers = 0;
    const counting = (...args: Parameters<typeof setTimeout>) => {
      timers += 1;
      return original(...args);
    };
    globalThis.setTimeout = Object.assign(counting, original);
    try {
      await delay(300);
    } finally {
      globalThis.setTimeout = original;
    }
    connection.close();
    expect(timers).toBeLessThan(10);
  });

  test("to a broker that wants TLS says so", async () => {
    broker = await startTlsOnly();
    const client = createClient({
      clientId: "test",
      tls: null,
      sasl: null,
      connectTimeoutMs: 1000,
      requestTimeoutMs: 1000,
    });
    const answered = client.connect(broker.address).then((connection) => connection.send(VERSIONS));
    await expect(answered).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      remedy: expect.stringMatching(/MILLRACE_KAFKA_TLS=1/),
    });
  });
});
