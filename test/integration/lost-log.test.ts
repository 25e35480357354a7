import { rmSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, test } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const TOPIC = "v1/devices/me/telemetry";

async function send({ ready }: Instance, count: number): Promise<void> {
  const client = await connectAsync(ready.mqtt, { username: ready.device, password: ready.token });
  for (let x = 0; x < count; x++) await client.publishAsync(TOPIC, JSON.stringify({ x }), { qos: 1 });
  await client.endAsync();
}

async function audit(data: string): Promise<unknown> {
  const { stdout } = await runMillraceAsync(["audit", "--json", "--data", data]);
  return JSON.parse(stdout);
}

test.skipIf(!hasChdb())(
  `a new log beside tables that were kept begins a generation of its own: the audit balances, and the start says so once ${CHDB_TITLE}`,
  { timeout: 240_000 },
  async () => {
    const { path, dispose } = temporaryDirectory();
    const running: Instance[] = [];
    const start = async (): Promise<Instance> => {
      const instance = await startInstance({ data: path });
      running.push(instance);
      return instance;
    };
    try {
      const first = await start();
      await send(first, 20);
      expect(await audit(path)).toMatchObject({ balanced: true, ledger: { values: { stored: 20 } } });
      expect(first.stderr()).not.toContain("the log is new");
      await first.stop();
      rmSync(join(path, "log"), { recursive: true });
      const second = await start();
      await send(second, 10);
      expect(await audit(path)).toMatchObject({
        balanced: true,
        storedOnce: true,
        ledger: { values: { stored: 10, difference: 0 } },
      });
      expect(second.stderr().split("the log is new")).toHaveLength(2);
      await second.stop();
    } finally {
      for (const instance of running) await instance.kill();
      dispose();
    }
  },
);

test.each(["log", "registry.sqlite"])(
  "an instance whose %s is deleted under it says that it is not ready, and why",
  { timeout: 120_000 },
  async (name) => {
    const { path, dispose } = temporaryDirectory();
    const instance = await startInstance({ data: path, flags: ["--no-clickhouse"] });
    try {
      const reasons = async (): Promise<string> => (await fetch(`${instance.httpUrl}/readyz`)).text();
      await expect.poll(reasons, { timeout: 20_000 }).toContain('"ready":true');
      rmSync(join(path, name), { recursive: true });
      await expect.poll(reasons, { timeout: 20_000 }).toMatch(/"ready":false.*deleted or replaced/);
    } finally {
      await instance.kill();
      dispose();
    }
  },
);

test(
  "one whose sessions.mdb is deleted under it goes on with telemetry, and the fault says what is lost and what to do",
  { timeout: 120_000 },
  async () => {
    const { path, dispose } = temporaryDirectory();
    const instance = await startInstance({ data: path, flags: ["--no-clickhouse"] });
    try {
      rmSync(join(path, "sessions.mdb"));
      const answer = async (): Promise<string> => (await fetch(`${instance.httpUrl}/readyz`)).text();
      await expect
        .poll(answer, { timeout: 60_000 })
        .toMatch(/"ready":true.*"gateway\.sessions".*sessions\.mdb was deleted or replaced.*put the file back/);
      await send(instance, 1);
      const { mqtt, device, token } = instance.ready;
      const kept = { username: device, password: token, clientId: "kept", clean: false, reconnectPeriod: 0 };
      await expect(connectAsync(mqtt, kept)).rejects.toThrow(/Server unavailable/);
    } finally {
      await instance.kill();
      dispose();
    }
  },
);
