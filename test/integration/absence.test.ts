import { setTimeout as delay } from "node:timers/promises";
import { connectAsync } from "mqtt";
import { describe, expect, it } from "vitest";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi } from "../support/replay-run.ts";
import { LIMITS } from "../../core/limits.ts";
import type { AlarmState } from "../../core/registry.ts";

const AFTER_MS = 6000;
const DEVICES = Array.from({ length: 12 }, (_, index) => `d${index}`);

/** So that their timers are due soon after they were heard. */
const TYPE = { name: "Probe", windowMs: [1000], idleMs: 0 };
const RULE = {
  name: "Silent",
  severity: "high",
  select: { type: "probe" },
  condition: { kind: "no-data", afterMs: AFTER_MS },
};

describe("devices while the instance is away", { timeout: 120_000 }, () => {
  it("are not taken for silent when it is back, but when they were not heard for so long since", async () => {
    const directory = temporaryDirectory();
    const running: Instance[] = [];
    const start = async (): Promise<Instance> => {
      const instance = await startInstance({ data: directory.path, flags: ["--no-clickhouse"] });
      running.push(instance);
      return instance;
    };
    try {
      const first = await start();
      const api = instanceApi(directory.path);
      await api.put("/types/probe", TYPE);
      await api.put("/rules/silent", RULE);
      await api.post("/devices/import", { devices: DEVICES.map((id) => ({ id, type: "probe", token: tokenOf(id) })) });
      await Promise.all(DEVICES.map((id) => hear(first, id)));
      await first.kill();
      await delay(LIMITS.absenceMsMin + 3000);

      const restartedAt = Date.now();
      const second = await start();
      expect(second.stderr()).toContain("nobody has listened to devices for a while");
      const alarms = async (): Promise<readonly AlarmState[]> =>
        (await instanceApi(directory.path).get<{ items: readonly AlarmState[] }>("/alarms?limit=1000")).items;
      const [speaks = "", ...silent] = DEVICES;
      const speaking = setInterval(() => void hear(second, speaks), 1000);
      try {
        await expect.poll(async () => (await alarms()).length, { timeout: 60_000, interval: 50 }).toBeGreaterThan(0);
        expect(Date.now()).toBeGreaterThan(restartedAt + AFTER_MS);
        await expect.poll(async () => (await alarms()).length, { timeout: 60_000 }).toBe(silent.length);
      } finally {
        clearInterval(speaking);
      }
      expect((await alarms()).map(({ device }) => device).toSorted()).toEqual(silent.toSorted());
    } finally {
      await running.at(-1)?.kill();
      directory.dispose();
    }
  });
});

function tokenOf(id: string): string {
  return `the-token-of-${id}`;
}

async function hear(instance: Instance, id: string): Promise<void> {
  const client = await connectAsync(instance.ready.mqtt, {
    clientId: id,
    username: id,
    password: tokenOf(id),
    reconnectPeriod: 0,
  });
  await client.publishAsync(`millrace/default/${id}/telemetry`, JSON.stringify({ t: 1 }), { qos: 1 });
  await client.endAsync();
}
