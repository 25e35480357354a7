import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { openInstanceLog, visitTopic } from "../support/log-dump.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";

const DEVICE = "greenhouse";
const TOKEN = "token-of-greenhouse";

/** What is below the dew point's formula does not matter here: `dew_point` tells which version made it. */
const source = (factor: number) => `import { defineMap, z } from "millrace/function";
export const dewPoint = defineMap({
  name: "dew-point",
  input: z.object({ temperature: z.number(), humidity: z.number() }),
  process: ({ metrics }) => ({ dew_point: metrics.temperature * ${factor} }),
});
`;

/** The first reading has temperature 1, the next 2, and so on: so a derived value tells of which reading it is. */
describe.skipIf(!hasChdb())(`functions in a running instance ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const files = temporaryDirectory();
  let instance: Instance;
  let api: InstanceApi;
  let published = 0;

  beforeAll(async () => {
    instance = await startInstance({ data: directory.path });
    api = instanceApi(directory.path);
    await api.post("/devices/import", { devices: [{ id: DEVICE, token: TOKEN }] });
  }, 120_000);
  afterAll(async () => {
    await instance?.kill();
    directory.dispose();
    files.dispose();
  });

  async function publish(count: number): Promise<void> {
    const options = { clientId: DEVICE, username: DEVICE, password: TOKEN, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    for (let n = 0; n < count; n += 1) {
      published += 1;
      const values = { temperature: published, humidity: 50 };
      const message = JSON.stringify({ ts: Date.UTC(2026, 0, 1) + published * 1000, values });
      await client.publishAsync("v1/devices/me/telemetry", message, { qos: 1 });
    }
    await client.endAsync();
  }

  const command = (...args: string[]) => runMillraceAsync([...args, "--data", directory.path]);

  async function deploy(text: string) {
    const file = join(files.path, "dew-point.ts");
    writeFileSync(file, text);
    return command("deploy", file, "--yes", "--json");
  }

  /** The derived values that the tables hold, by the reading's number. */
  async function derived(): Promise<ReadonlyMap<number, number>> {
    const path = `/devices/${DEVICE}/readings?from=${Date.UTC(2026, 0, 1)}&to=${Date.UTC(2026, 0, 2)}&limit=1000`;
    const { items } = await api.get<{ items: { ts: number; metric: string; value: number }[] }>(path);
    const own = items.filter(({ metric }) => metric === "dew_point");
    return new Map(own.map(({ ts, value }) => [(ts - Date.UTC(2026, 0, 1)) / 1000, value]));
  }

  async function untilDerived(count: number): Promise<ReadonlyMap<number, number>> {
    for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
      const values = await derived();
      if (values.size >= count) return values;
      if (Date.now() > deadline)
        throw new Error(`${values.size} of ${count} derived readings came: ${instance.stderr()}`);
    }
  }

  const factors = (values: ReadonlyMap<number, number>) =>
    [...values].sort(([a], [b]) => a - b).map(([n, value]) => value / n);

  it("runs a function from its deploy on, a new version from its own, and the old one after a rollback", async () => {
    await publish(3);
    const first = await deploy(source(10));
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(first.stdout)).toMatchObject([{ name: "dew-point", version: 1, live: true }]);
    await publish(2);
    expect([...(await untilDerived(2))].sort(([a], [b]) => a - b)).toEqual([
      [4, 40],
      [5, 50],
    ]);
    expect((await deploy(source(100))).code).toBe(0);
    await publish(2);
    expect(factors(await untilDerived(4))).toEqual([10, 10, 100, 100]);
    expect((await command("rollback", "dew-point")).stdout).toContain("dew-point@1 runs from here on");
    await publish(1);
    expect(factors(await untilDerived(5))).toEqual([10, 10, 100, 100, 10]);
  });

  it("refuses what cannot run, with its place, and the version before goes on", async () => {
    const broken = await deploy(source(7).replace("metrics }", "metrics ]"));
    expect(broken.code).not.toBe(0);
    expect(broken.stderr).toMatch(/dew-point\.ts:5:\d+.*Correct the file/s);
    const throwing = await deploy(`${source(7)}throw new Error("no table");`);
    expect(throwing.stderr).toMatch(/dew-point\.ts:7:7: .*no table/);
    await publish(1);
    expect(factors(await untilDerived(6)).at(-1)).toBe(10);
  });

  it("goes on after a kill where it was, and the audit balances", async () => {
    await publish(1);
    await instance.kill();
    instance = await startInstance({ data: directory.path });
    await publish(1);
    expect(factors(await untilDerived(8))).toEqual([10, 10, 100, 100, 10, 10, 10, 10]);
    const report = await api.get<AuditReport>("/audit");
    expect(report).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
    expect(report.ledger.values.stored).toBe(2 * published);
    const { stdout } = await command("versions", "dew-point");
    expect(stdout).toMatch(/dew-point +2 +– .*\n.*dew-point +1 +live/);
    expect((await command("undeploy", "dew-point", "--yes")).code).toBe(0);
    await publish(1);
    await api.get<AuditReport>("/audit");
    expect((await derived()).size).toBe(8);
  });

  it("leaves nothing derived of a device that is removed", async () => {
    await deploy(source(3));
    await publish(1);
    await untilDerived(9);
    expect((await command("devices", "remove", DEVICE, "--yes")).code).toBe(0);
    await api.post("/devices/import", { devices: [{ id: DEVICE, token: TOKEN }] });
    expect((await derived()).size).toBe(0);
    expect(await api.get<AuditReport>("/audit")).toMatchObject({ balanced: true, storedOnce: true });
  });

  it("leaves its version with each derived reading, and its deploys among the readings", async () => {
    await instance.stop();
    const log = await openInstanceLog(directory.path);
    const versions: string[] = [];
    let deploys = 0;
    await visitTopic(log, "readings", (record) => {
      if (isControlRecord(record)) deploys += record.header(HEADER.controlKind) === "deploy" ? 1 : 0;
      else if (record.header(HEADER.source)?.startsWith("functions ") === true)
        versions.push(record.header(HEADER.functionVersion) ?? "");
    });
    await log.close(AbortSignal.timeout(5000));
    expect(versions.map((version) => version.replace("dew-point@", "")).join("")).toBe("112211113");
    expect(deploys).toBe(5 * 32);
  });
});
