import { Agent, request, type IncomingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { HEADER } from "../../core/record.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { createMemoryLogIntake } from "../support/memory-log-intake.ts";

const BODY = '{"t":21.5}';
const AUTHORIZED = { authorization: "Bearer token-a", "content-type": "application/json" };

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Posted {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
}

function post(edge: Pick<BrokerHarness, "ingestPort">, posted: Posted = {}): Promise<Answer> {
  const { path = "/v1/telemetry", method = "POST", headers = AUTHORIZED, body = BODY, agent } = posted;
  const options = { host: "127.0.0.1", port: edge.ingestPort, path, method, headers, agent };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const keyed = (key: string): Readonly<Record<string, string>> => ({ ...AUTHORIZED, "idempotency-key": key });
const values = (edge: BrokerHarness): string[] => edge.log.records.map(({ value }) => Buffer.from(value).toString());

describe("telemetry over HTTP", () => {
  test("becomes a record as one over MQTT does, and is answered when it is durable", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const answer = post(edge);
    await eventually(() => edge.log.waiting.length === 1, "the append is asked for");
    expect(await Promise.race([answer, sleep(50, "no answer")])).toBe("no answer");
    edge.log.release();
    expect(await answer).toMatchObject({ status: 204, body: "" });
    const [record] = edge.log.records;
    expect(record).toMatchObject({ partition: partitionOf("acme/a", 8), key: "acme/a" });
    expect(values(edge)).toEqual([BODY]);
    expect(Object.fromEntries(record?.headers ?? [])).toEqual({
      [HEADER.mqttTopic]: TOPIC_A,
      [HEADER.qos]: "1",
      [HEADER.dup]: "0",
      [HEADER.clientId]: "http",
      [HEADER.principal]: "device:a",
      [HEADER.format]: "json",
      [HEADER.admissionId]: "gw.7.1",
    });
    expect(edge.requests("admitted")).toBe(1);
  });

  test("comes in ThingsBoard's way with the token in the path, and gets 200", async () => {
    await using edge = await startBroker();
    const answer = await post(edge, { path: "/api/v1/token-a/telemetry", headers: {} });
    expect(answer).toMatchObject({ status: 200, body: "" });
    expect(Object.fromEntries(edge.log.records[0]?.headers ?? [])).toMatchObject({
      [HEADER.mqttTopic]: TOPIC_A,
      [HEADER.format]: "tb-json",
      [HEADER.principal]: "device:a",
    });
  });

  test("reaches the device's subscribers, and counts as seen", async () => {
    await using edge = await startBroker();
    const client = await edge.client("a");
    await client.subscribeAsync(TOPIC_A);
    const received = new Promise<string>((resolve) =>
      client.once("message", (topic, payload) => resolve(`${topic} ${payload.toString()}`)),
    );
    await post(edge);
    expect(await received).toBe(`${TOPIC_A} ${BODY}`);
    await edge.broker.stop(AbortSignal.timeout(500));
    expect(edge.seen.get("acme/a")).toBe(edge.log.records[0]?.timestamp);
  });

  test("may be as large as what is published, and comes byte for byte", async () => {
    await using edge = await startBroker();
    const body = Buffer.alloc(128 * 1024, "x");
    expect((await post(edge, { body })).status).toBe(204);
    expect(Buffer.from(edge.log.records[0]?.value ?? []).equals(body)).toBe(true);
  });

  test("uses one connection for many requests", async () => {
    await using edge = await startBroker();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(edge, { agent })));
    expect(answers.every(({ status }) => status === 204)).toBe(true);
    expect(answers.every(({ headers }) => headers.connection === "keep-alive")).toBe(true);
    agent.destroy();
  });

  test("that the log refuses is answered with 503 and when to come again, and is not acknowledged", async () => {
    await using edge = await startBroker();
    for (const code of ["LOG_FULL", "LOG_LOST", "LOG_IO"] as const) {
      edge.log.failWith(new MillraceError(code, "at /secret/path"));
      const answer = await post(edge);
      expect(answer.status).toBe(503);
      expect(answer.headers["retry-after"]).toBe("1");
      expect(JSON.parse(answer.body)).toMatchObject({
        status: 503,
        code,
        detail: expect.stringMatching(/^The message is not admitted: the log .+\.$/),
        remedy: expect.stringMatching(/^Send it again after Retry-After/),
      });
      expect(answer.body).not.toContain("secret");
    }
    expect(edge.requests("append-failed")).toBe(3);
    edge.log.failWith(null);
    expect((await post(edge)).status).toBe(204);
  });
});

describe("a request with an Idempotency-Key", () => {
  test("is appended once, and answered the same each time", async () => {
    await using edge = await startBroker();
    const first = await post(edge, { headers: keyed("k1") });
    const second = await post(edge, { headers: keyed('"k1"') });
    expect([first.status, second.status]).toEqual([204, 204]);
    expect([first.headers["idempotency-replayed"], second.headers["idempotency-replayed"]]).toEqual([
      undefined,
      "true",
    ]);
    expect(values(edge)).toEqual([BODY]);
    await post(edge, { headers: keyed("k2") });
    expect(edge.log.records).toHaveLength(2);
    expect(edge.requests("repeated")).toBe(1);
  });

  test("waits for the first one of its key, and fails with it", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const both = [post(edge, { headers: keyed("k") }), post(edge, { headers: keyed("k") })];
    await eventually(() => edge.log.waiting.length === 1, "the first is appended");
    expect(await Promise.race([...both, sleep(50, "none")])).toBe("none");
    expect(edge.log.waiting).toHaveLength(1);
    edge.log.waiting[0]?.reject(new MillraceError("LOG_IO", "gone"));
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([503, 503]);
    edge.log.release();
    expect((await post(edge, { headers: keyed("k") })).headers["idempotency-replayed"]).toBeUndefined();
  });

  test("of another body is refused, of another device is another key", async () => {
    await using edge = await startBroker();
    await post(edge, { headers: keyed("k") });
    const reused = await post(edge, { headers: keyed("k"), body: "{}" });
    expect(reused.status).toBe(422);
    expect(JSON.parse(reused.body)).toMatchObject({
      code: "INVALID_INPUT",
      detail: "another body was sent with this Idempotency-Key before.",
      remedy: expect.stringMatching(/^Make a new key for each message/),
    });
    const other = { ...keyed("k"), authorization: "Bearer token-b" };
    expect((await post(edge, { headers: other })).headers["idempotency-replayed"]).toBeUndefined();
    expect(edge.log.records.map(({ key }) => key)).toEqual(["acme/a", "acme/b"]);
  });

  test("has the same admission id on every gateway and after every start", async () => {
    const log = createMemoryLogIntake();
    for (const epoch of [7, 8]) {
      await using edge = await startBroker({ log, gatewayId: `gw-${epoch}`, epoch });
      await post(edge, { headers: keyed("k") });
    }
    const ids = log.records.map(({ headers }) => Object.fromEntries(headers)[HEADER.admissionId]);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^key-[\w-]{43}$/);
  });

  test("is appended again once older than the keys that are kept, or after its device's credentials changed", async () => {
    await using edge = await startBroker({ limits: { idempotencyKeysMax: 2 } });
    for (const key of ["1", "2", "3", "2", "1"]) await post(edge, { headers: keyed(key) });
    expect(edge.log.records).toHaveLength(4);
    edge.broker.disconnect(["acme/b"]);
    await post(edge, { headers: keyed("1") });
    expect(edge.log.records).toHaveLength(4);
    edge.broker.disconnect(["acme/a"]);
    await post(edge, { headers: keyed("1") });
    expect(edge.log.records).toHaveLength(5);
  });
});

describe("credentials", () => {
  test("that are revoked while the body comes are not honoured", async () => {
    let revoked = false;
    const principal = { kind: "device", tenant: "acme", id: "a" } as const;
    const authenticator = { authenticate: () => Promise.resolve(revoked ? null : principal) };
    await using edge = await startBroker({ authenticator });
    const answer = new Promise<number>((resolve, reject) => {
      const options = { host: "127.0.0.1", port: edge.ingestPort, path: "/v1/telemetry", method: "POST" };
      const headers = { ...AUTHORIZED, expect: "100-continue" };
      const sent = request({ ...options, headers }, (response) => resolve(response.resume().statusCode ?? 0));
      sent.on("error", reject);
      // The token has been accepted.
      sent.on("continue", () => {
        revoked = true;
        edge.broker.disconnect(["acme/a"]);
        sent.end(BODY);
      });
      sent.flushHeaders();
    });
    expect(await answer).toBe(401);
    expect(edge.log.records).toHaveLength(0);
  });

  test("are not asked for before the registry answers, nor for ever", async () => {
    const authenticator = { authenticate: () => new Promise<null>(() => undefined) };
    await using edge = await startBroker({
      authenticator,
      limits: { authenticateTimeoutMs: 100, ingestAuthenticatingMax: 2 },
    });
    const answers = await Promise.all([post(edge), post(edge), post(edge)]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(edge.requests("authenticate-timeout")).toBe(2);
    expect(edge.requests("requests-authenticating")).toBe(1);
  });

  test("that nobody can look up now are no reason to say 401", async () => {
    const authenticator = { authenticate: () => Promise.reject(new MillraceError("REGISTRY_IO", "away")) };
    await using edge = await startBroker({ authenticator });
    expect(await post(edge)).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
  });
});

describe("stopping", () => {
  test("answers what is being appended, refuses what comes new, and ends the connections", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = post(edge, { agent });
    await eventually(() => edge.log.waiting.length === 1, "one is being appended");
    const stopped = edge.broker.stop(AbortSignal.timeout(5000));
    edge.log.release();
    expect(await first).toMatchObject({ status: 204, headers: { connection: "close" } });
    await stopped;
    expect(edge.log.records).toHaveLength(1);
    await expect(post(edge)).rejects.toThrow("ECONNREFUSED");
    agent.destroy();
  });

  test("does not wait for a client that does not send the rest of its request", async () => {
    await using edge = await startBroker();
    const sent = request({ host: "127.0.0.1", port: edge.ingestPort, path: "/v1/telemetry", method: "POST" });
    const ended = new Promise((resolve) => sent.on("error", () => resolve("ended")));
    for (const [name, value] of Object.entries(AUTHORIZED)) sent.setHeader(name, value);
    sent.write("{");
    await sleep(50);
    await edge.broker.stop(AbortSignal.timeout(100));
    expect(await ended).toBe("ended");
  });
});
