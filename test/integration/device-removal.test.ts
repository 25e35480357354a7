import { rmSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { RawReading } from "../../core/history.ts";

const MESSAGES = 1500;

describe.skipIf(!hasChdb())(`removing a device that has published ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
  const directory = temporaryDirectory();
  let instance: Instance;
  let api: InstanceApi;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
  }, 60_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  /** Publishes without waiting; resolves with what was acknowledged until the connection ended. */
  async function publishAs(device: string, token: string, first: number): Promise<{ readonly acknowledged: number }> {
    const options = { clientId: device, username: device, password: token, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    let acknowledged = 0;
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    const all = Array.from({ length: MESSAGES }, async (_, index) => {
      const payload = JSON.stringify({ ts: Date.UTC(2026, 0, 1) + first + index, values: { a: index, b: 1 } });
      await client.publishAsync(`millrace/default/${device}/telemetry`, payload, { qos: 1 });
      acknowledged += 1;
    });
    await Promise.race([Promise.allSettled(all), closed]);
    client.end(true);
    return { acknowledged };
  }

  async function register(device: string, token: string): Promise<void> {
    await api.post("/devices/import", { devices: [{ id: device, token }] });
  }

  const rowsOf = async (device: string): Promise<number> =>
    (await api.get<{ items: readonly RawReading[] }>(`/latest?device=${device}`)).items.length;
  const remove = async (device: string): Promise<number> => {
    const headers = { authorization: `Bearer ${instance.ready.adminToken}` };
    return (await fetch(`${instance.httpUrl}/api/v1/devices/${device}`, { method: "DELETE", headers })).status;
  };

  it("erases its rows and keeps the ledger's sums, also when it comes back", async () => {
    await register("old", "token-of-the-old-one");
    expect((await publishAs("old", "token-of-the-old-one", 0)).acknowledged).toBe(MESSAGES);
    await settled(api, 60_000);
    expect(await rowsOf("old")).toBe(2);
    expect(await remove("old")).toBe(204);
    expect(await rowsOf("old")).toBe(0);
    expect(await settled(api, 60_000)).toMatchObject({ balanced: true, mismatches: [] });
    await register("old", "token-of-the-new-one");
    await publishAs("old", "token-of-the-new-one", MESSAGES);
    const { values } = (await settled(api, 60_000)).ledger;
    expect(values).toMatchObject({ produced: 4 * MESSAGES, stored: 2 * MESSAGES, filtered: 2 * MESSAGES });
  });

  it("erases what it published in the last moment too, which is not in the tables yet", async () => {
    await register("hasty", "token-of-the-hasty-one");
    // The sink inserts once a second at most.
    await publishAs("hasty", "token-of-the-hasty-one", 0);
    const late = publishAs("hasty", "token-of-the-hasty-one", MESSAGES);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await remove("hasty")).toBe(204);
    expect((await late).acknowledged).toBeGreaterThan(0);
    expect(await settled(api, 60_000)).toMatchObject({ balanced: true, mismatches: [] });
    expect(await rowsOf("hasty")).toBe(0);
  });

  it("stays erased when the tables are filled again from the log", async () => {
    expect(await instance.stop()).toBe(0);
    rmSync(join(directory.path, "clickhouse"), { recursive: true });
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
    const { balanced, mismatches, ledger } = await settled(api, 60_000);
    expect({ balanced, mismatches }).toEqual({ balanced: true, mismatches: [] });
    expect(ledger.values).toMatchObject({ stored: 2 * MESSAGES, inFlight: 0 });
    expect(await rowsOf("hasty")).toBe(0);
    expect(await rowsOf("old")).toBe(2);
  });
});
