import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, settled, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { RawReading } from "../../core/history.ts";
import type { Device } from "../../core/registry.ts";
import type { QuarantinedMessage } from "../../core/rejects.ts";

const TOPIC = "v1/gateway/telemetry";
const hasMosquitto = spawnSync("mosquitto_pub", ["--help"]).error === undefined;
const run = promisify(execFile);

describe.skipIf(!hasChdb())(`a gateway of a running instance ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  const begun = Date.now();
  let instance: Instance;
  let api: InstanceApi;
  let client: MqttClient;
  let token: string;

  async function millrace(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    expect([stderr, code]).toEqual(["", 0]);
    return stdout;
  }

  const addGateway = async (...flags: readonly string[]): Promise<string> =>
    JSON.parse(await millrace("devices", "add", ...flags, "--json")).token;
  const connected = (password: string): Promise<MqttClient> =>
    connectAsync(instance.ready.mqtt, { clientId: "edge-box", username: "gw", password, reconnectPeriod: 0 });
  const publish = (message: object, topic = TOPIC) => client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
  const device = (id: string) => api.get<Device>(`/devices/${id}`);

  async function valuesOf(id: string): Promise<readonly (number | string)[]> {
    const range = `from=0&to=${Date.now() + 60_000}&limit=1000`;
    const { items } = await api.get<{ items: readonly RawReading[] }>(`/devices/${id}/readings?${range}`);
    return items.map(({ value }) => value).toReversed();
  }

  async function refusalsOf(id: string): Promise<readonly string[]> {
    const { items } = await api.get<{ items: readonly QuarantinedMessage[] }>(`/quarantine?device=${id}&limit=1000`);
    return items.map(({ reason, detail, payload }) => `${reason}: ${detail}: ${payload}`).toSorted();
  }

  beforeAll(async () => {
    instance = await startInstance({ data });
    api = instanceApi(data);
    token = await addGateway("gw", "--gateway");
    await millrace("devices", "add", "meter-1", "--via", "gw");
    writeFileSync(join(directory.path, "meters.csv"), "id,via\nmeter-2,gw\nmeter-3,gw\nstranger,\n");
    await millrace("devices", "import", join(directory.path, "meters.csv"));
    client = await connected(token);
  }, 90_000);
  afterAll(async () => {
    await client?.endAsync(true);
    await instance?.kill();
    directory.dispose();
  });

  it("fills the history of each of its devices, and no other's", async () => {
    await publish({
      "meter-1": [
        { ts: begun, values: { kwh: 1 } },
        { ts: begun + 1, values: { kwh: 2 } },
      ],
      "meter-2": [{ kwh: 3 }],
      stranger: [{ kwh: 4 }],
      "meter-3": [{ ts: begun, values: { kwh: 5 } }],
    });
    await publish({ kwh: 6 }, "millrace/default/meter-2/telemetry");
    await publish({ kwh: 7 }, "millrace/default/stranger/telemetry");
    const posted = await fetch(`${instance.ready.ingest}/v1/telemetry?device=meter-3`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ ts: begun + 1, values: { kwh: 8 } }),
    });
    expect(posted.status).toBe(204);
    await settled(api, 60_000);
    expect(await valuesOf("meter-1")).toEqual([1, 2]);
    expect(await valuesOf("meter-2")).toEqual([3, 6]);
    expect(await valuesOf("meter-3")).toEqual([5, 8]);
    expect([await valuesOf("stranger"), await valuesOf("gw")]).toEqual([[], []]);
    const refused = 'foreign-device: the gateway may not publish for "stranger": ';
    expect(await refusalsOf("gw")).toEqual([refused, refused]);
    expect(await millrace("query", "readings", "meter-1")).toMatch(/kwh/);
  });

  it.skipIf(!hasMosquitto)("is mosquitto_pub as well (needs the mosquitto-clients package)", async () => {
    const { hostname, port } = new URL(instance.ready.mqtt);
    const at = ["-h", hostname, "-p", port, "-u", "gw", "-P", token];
    const message = JSON.stringify({ "meter-1": [{ ts: begun + 2, values: { kwh: 9 } }] });
    await run("mosquitto_pub", [...at, "-q", "1", "-t", TOPIC, "-m", message]);
    const later = JSON.stringify({ "meter-1": [{ ts: begun + 3, values: { kwh: 10 } }] });
    // QoS 0: PUBLISH and DISCONNECT at once, while the registry may have to be asked.
    await run("mosquitto_pub", [...at, "-q", "0", "-t", TOPIC, "-m", later]);
    await expect.poll(async () => (await valuesOf("meter-1")).length, { timeout: 30_000 }).toBe(4);
  });

  it("counts a message that comes twice once, and is quarantined where its parts are bad", async () => {
    const twice = {
      "meter-1": [{ ts: begun + 10, values: { kwh: 11 } }],
      "meter-2": [{ ts: begun, values: { kwh: 12 } }],
    };
    await publish(twice);
    await publish(twice);
    await publish({ "meter-2": 5, "no id": [{ kwh: 1 }] });
    await client.publishAsync(TOPIC, '{"meter-1":[{"kwh":13}', { qos: 1 });
    await settled(api, 60_000);
    expect((await valuesOf("meter-1")).filter((value) => value === 11)).toHaveLength(1);
    expect((await valuesOf("meter-2")).filter((value) => value === 12)).toHaveLength(1);
    expect(await refusalsOf("meter-2")).toEqual(["bad-shape: an object of metric values is expected: 5"]);
    expect(await refusalsOf("gw")).toEqual(
      expect.arrayContaining([
        'bad-device: "no id" is no device id: "no id":[{"kwh":1}]',
        'bad-json: the message is no object of device names, each with its telemetry: {"meter-1":[{"kwh":13}',
      ]),
    );
  });

  it("may no more as soon as a device is given to nobody, disabled or removed", async () => {
    const refusals = async () => (await refusalsOf("gw")).filter((text) => text.startsWith("foreign-device")).length;
    const before = await refusals();
    expect(await millrace("devices", "assign", "meter-3", "--via", "")).toBe("No gateway publishes for meter-3.\n");
    await publish({ "meter-3": [{ kwh: 14 }], "meter-2": [{ kwh: 15 }] });
    await millrace("devices", "disable", "meter-2");
    await publish({ "meter-2": [{ kwh: 16 }] });
    await millrace("devices", "remove", "meter-1", "--yes");
    await publish({ "meter-1": [{ kwh: 17 }] });
    await settled(api, 60_000);
    expect(await refusals()).toBe(before + 3);
    expect((await valuesOf("meter-3")).length + (await valuesOf("meter-2")).length).toBe(6);
    expect(client.connected).toBe(true);
  });

  it("creates devices only when it may, and is let go when that is taken from it", async () => {
    await publish({ "new-1": [{ kwh: 1 }] });
    await expect(device("new-1")).rejects.toThrow(/404/);
    const maker = await addGateway("maker", "--provisions");
    const creating = await connectAsync(instance.ready.mqtt, {
      username: "maker",
      password: maker,
      reconnectPeriod: 0,
    });
    const message = { "new-2": [{ kwh: 1 }], "new-3": [{ kwh: 2 }], stranger: [{ kwh: 3 }], "meter-1": [{ kwh: 4 }] };
    await creating.publishAsync(TOPIC, JSON.stringify(message), { qos: 1 });
    expect(await device("new-2")).toMatchObject({ via: "maker", gateway: false });
    await settled(api, 60_000);
    expect([await valuesOf("new-2"), await valuesOf("new-3"), await valuesOf("stranger")]).toEqual([[1], [2], []]);
    // Neither what is somebody else's, nor what was removed.
    expect(await refusalsOf("maker")).toHaveLength(2);
    await expect(device("meter-1")).rejects.toThrow(/404/);
    await expect.poll(async () => (await device("new-2")).lastSeen, { timeout: 30_000 }).not.toBeNull();
    expect((await device("maker")).lastSeen).not.toBeNull();
    const closed = new Promise((resolve) => creating.once("close", () => resolve("closed")));
    await millrace("devices", "disable", "maker");
    expect(await closed).toBe("closed");
  });

  it("loses nothing: every record has its outcome", async () => {
    await settled(api, 60_000);
    const report = await api.get<AuditReport>("/audit");
    expect(report).toMatchObject({ balanced: true, mismatches: [], storedOnce: true });
    expect(await millrace("devices", "list", "--search", "new-2")).toMatch(/new-2 +new-2 +– +maker +enabled /);
  });
});
