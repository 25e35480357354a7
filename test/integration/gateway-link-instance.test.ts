import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { collect, ended } from "../support/gateway-harness.ts";
import { type Instance, startInstance, temporaryDirectory } from "../support/instance.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { findRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { runToFailure } from "../support/start-failure.ts";

const redisProgram = findRedis();
const postgresBinaries = findPostgres();
const PASSWORD = "s3cret-and-long";

describe.skipIf(redisProgram === null)("an instance with a Redis (needs the redis-server package)", () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(redisProgram ?? "", ["--requirepass", PASSWORD]);
  });
  afterAll(() => redis?.dispose());
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => directory.dispose());

  it("does not start with a wrong password: one sentence with what to do and without the password", async () => {
    const args = ["start", "--data", directory.path, "--no-clickhouse", ...FREE_PORTS];
    const attempt = (url: string) => runToFailure({ args, environment: { MILLRACE_REDIS_URL: url } });
    const wrong = await attempt(redis.url(`:${PASSWORD}-not`));
    expect(wrong.said).toMatch(
      /^millrace: Redis redis:\/\/127\.0\.0\.1:\d+: WRONGPASS [^\n]+[^.]\. Correct user and password in MILLRACE_REDIS_URL\.$/,
    );
    expect(wrong).toMatchObject({ code: 2, stdout: "", leftRunning: false });
    const http = await attempt(`http://:${PASSWORD}@127.0.0.1:1`);
    expect(http.said).toMatch(
      /^millrace: what was given is no value for redis-url: [^\n]+\. Correct MILLRACE_REDIS_URL\.$/,
    );
    expect(wrong.said + http.said).not.toContain(PASSWORD);
  });

  it("is ready while Redis is away, and reports the fault", { timeout: 60_000 }, async () => {
    const environment = { MILLRACE_REDIS_URL: `redis://:${PASSWORD}@127.0.0.1:1` };
    const instance = await startInstance({ data: directory.path, flags: ["--no-clickhouse"], environment });
    try {
      const text = async (path: string): Promise<string> => {
        const headers = { authorization: `Bearer ${instance.ready.adminToken}` };
        return (await fetch(`${instance.httpUrl}${path}`, { headers })).text();
      };
      await expect.poll(() => text("/readyz"), { timeout: 20_000 }).toContain('"ready":true');
      await expect
        .poll(() => text("/api/v1/overview"), { timeout: 20_000 })
        .toContain("other gateways are not reached");
      expect(await text("/metrics")).toMatch(/^millrace_gateway_link_up 0$/m);
      const client = await connect(instance);
      await client.publishAsync("v1/devices/me/telemetry", '{"temperature":1}', { qos: 1 });
      await client.endAsync();
    } finally {
      expect(await instance.stop()).toBe(0);
    }
    expect(instance.stderr()).not.toContain(PASSWORD);
  });
});

async function connect({ ready }: Instance, from = ready, clientId = ""): Promise<MqttClient> {
  const { device: username, token: password } = from;
  return connectAsync(ready.mqtt, { username, password, reconnectPeriod: 0, clientId, clean: true });
}

const isReady = redisProgram !== null && postgresBinaries !== null;
describe.skipIf(!isReady)("two instances that share a registry (need the redis-server and postgresql packages)", () => {
  let redis: RedisServer;
  let postgres: PostgresServer;
  let directories: ReturnType<typeof temporaryDirectory>[];
  let instances: Instance[];
  beforeAll(async () => {
    redis = await startRedis(redisProgram ?? "");
    postgres = await startPostgres(postgresBinaries ?? "", { settings: ["fsync = off"] });
    directories = [temporaryDirectory(), temporaryDirectory()];
    const environment = {
      MILLRACE_REDIS_URL: redis.url(),
      MILLRACE_DATABASE_URL: postgres.url(await postgres.createDatabase()),
    };
    const [first, second] = directories.map(({ path }) => join(path, "data"));
    const start = (data = "") => startInstance({ data, flags: ["--no-clickhouse"], environment });
    instances = [await start(first)];
    mkdirSync(second ?? "");
    copyFileSync(join(first ?? "", "installation.secret"), join(second ?? "", "installation.secret"));
    instances.push(await start(second));
  });
  afterAll(async () => {
    for (const instance of instances ?? []) await instance.stop();
    for (const directory of directories ?? []) directory.dispose();
    await redis?.dispose();
    await postgres?.dispose();
  });

  const both = (): readonly [Instance, Instance] => {
    const [one, two] = instances;
    if (one === undefined || two === undefined) throw new Error("two instances were started");
    return [one, two];
  };
  const change = async (method: string, path: string, body?: object): Promise<number> => {
    const [one] = both();
    const headers: Record<string, string> = { authorization: `Bearer ${one.ready.adminToken}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return (await fetch(`${one.httpUrl}/api/v1${path}`, init)).status;
  };

  it("deliver each other's messages, and take each other's clients over", async () => {
    const [one, two] = both();
    const { device } = one.ready;
    const subscriber = await connect(two, one.ready);
    const received = collect(subscriber);
    await subscriber.subscribeAsync(`millrace/default/${device}/#`);
    const publisher = await connect(one, one.ready, "same");
    await publisher.publishAsync(`millrace/default/${device}/telemetry`, '{"temperature":1}', { qos: 1 });
    await expect.poll(() => received).toEqual([`millrace/default/${device}/telemetry {"temperature":1}`]);
    const closed = ended(publisher);
    const newer = await connect(two, one.ready, "same");
    await closed;
    await Promise.all([newer.endAsync(), subscriber.endAsync()]);
  });

  it("end the connections of a device at every gateway within a second of its being disabled, or removed", async () => {
    const [one, two] = both();
    const path = `/devices/${one.ready.device}`;
    const revoke = async (method: string, body?: object): Promise<void> => {
      const clients = [await connect(one, one.ready), await connect(two, one.ready)];
      const startedAt = performance.now();
      const took = clients.map((client) => ended(client).then(() => performance.now() - startedAt));
      expect(await change(method, path, body)).toBeLessThan(300);
      for (const ms of await Promise.all(took)) expect(ms).toBeLessThan(1000);
      await expect(connect(two, one.ready)).rejects.toThrow(/Not authorized/);
    };
    await revoke("PATCH", { disabled: true });
    expect(await change("PATCH", path, { disabled: false })).toBe(200);
    await revoke("DELETE");
  });
});
