import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";

const DEVICES = 3000;
/** The last one is of the minute after the next, so that the window of the others closes. */
const ROUND_TIMES = [0, 10_000, 20_000, 120_000];

/** What state takes here is several times what it may: some 3,000 devices of 3 KB, and 1 MiB for all of them. */
describe.skipIf(!hasChdb())(`an instance with more state than memory ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
  const directory = temporaryDirectory();
  const flags = ["--state-memory-mib", "1", "--processor-threads", "1", "--partitions", "4"];
  let instance: Instance;
  let api: InstanceApi;

  const start = async (): Promise<void> => {
    instance = await startInstance({ data: directory.path, flags });
    api = instanceApi(directory.path);
  };

  beforeAll(async () => {
    await start();
    await api.post("/devices/import", { devices: [{ id: "gw", token: "token-of-gw", gateway: true }] });
    const devices = Array.from({ length: DEVICES }, (_, n) => ({ id: `d${n}`, via: "gw" }));
    for (let at = 0; at < DEVICES; at += 1000)
      await api.post("/devices/import", { devices: devices.slice(at, at + 1000) });
  }, 90_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
  });

  async function publishRound(ts: number): Promise<void> {
    const options = { clientId: "gw", username: "gw", password: "token-of-gw", reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    for (let at = 0; at < DEVICES; at += 500) {
      const message: Record<string, unknown> = {};
      for (let n = at; n < at + 500; n += 1)
        message[`d${n}`] = [{ ts, values: { a: n, b: 2, c: 3, d: 4, e: 5, f: 6 } }];
      await client.publishAsync("v1/gateway/telemetry", JSON.stringify(message), { qos: 1 });
    }
    await client.endAsync();
  }

  async function keys(what: "put_away" | "brought_back"): Promise<number> {
    const text = await (await fetch(`${instance.httpUrl}/metrics`)).text();
    const line = new RegExp(`^millrace_stage_keys_${what}_total\\{[^}]*stage="main"[^}]*\\} (\\d+)`, "m").exec(text);
    return Number(line?.[1] ?? 0);
  }

  it("counts every reading once, also after kill -9", async () => {
    const begun = Math.floor(Date.now() / 60_000) * 60_000 - 300_000;
    for (const [round, time] of ROUND_TIMES.entries()) {
      if (round === 2) {
        await instance.kill();
        await start();
      }
      await publishRound(begun + time);
    }
    await settled(api, 60_000);
    const report = await api.get<AuditReport>("/audit");
    expect(report).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
    expect(report.ledger.messages.processed).toBe(DEVICES * ROUND_TIMES.length);
    expect(await keys("put_away")).toBeGreaterThan(DEVICES);
    expect(await keys("brought_back")).toBeGreaterThan(DEVICES / 2);
    const { items } = await api.get<{ items: readonly { count: number; metric: string }[] }>(
      `/devices/d7/aggregates?metric=a&size=60000&from=${begun}&to=${begun + 60_000}`,
    );
    expect(items.map(({ count }) => count)).toEqual([3]);
  });
});
