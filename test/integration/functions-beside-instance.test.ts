import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseSample } from "../../kit/sample.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const DEVICE = "greenhouse";
const TOKEN = "token-of-greenhouse";
const START = Date.UTC(2026, 0, 1);
const STILL_MS = 90_000;

const FUNCTION = `import { defineMap, z } from "millrace/function";
export const doubled = defineMap({
  name: "doubled",
  input: z.object({ temperature: z.number(), open: z.boolean() }),
  process: ({ metrics: { temperature, open } }) => ({ doubled: 2 * temperature, closed: !open }),
});
`;

/** What the log and the tables of a running instance hold, against what a function makes of it. */
describe.skipIf(!hasChdb())(`beside a running instance ${CHDB_TITLE}`, { timeout: 300_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  const project = join(directory.path, "project");
  const file = join(project, "functions", "doubled.ts");
  let instance: Instance;
  let api: InstanceApi;

  beforeAll(async () => {
    mkdirSync(join(project, "functions"), { recursive: true });
    writeFileSync(file, FUNCTION);
    instance = await startInstance({ data });
    api = instanceApi(data);
    await api.post("/apply", { types: [{ id: "house", metrics: { open: { kind: "boolean" } } }] });
    await api.post("/devices/import", { devices: [{ id: DEVICE, type: "house", token: TOKEN }] });
    const deployed = await runMillraceAsync(["deploy", file, "--yes", "--data", data]);
    if (deployed.code !== 0) throw new Error(deployed.stderr);
    await publish([1, 2, 3, 4, 5]);
    await untilStored(5);
  }, 200_000);
  afterAll(async () => {
    await instance?.stop();
    directory.dispose();
  });

  async function publish(temperatures: readonly number[]): Promise<void> {
    const options = { clientId: DEVICE, username: DEVICE, password: TOKEN, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtt, options);
    for (const temperature of temperatures) {
      const message = JSON.stringify({
        ts: START + temperature * 1000,
        values: { temperature, open: temperature > 2 },
      });
      await client.publishAsync("v1/devices/me/telemetry", message, { qos: 1 });
    }
    await client.endAsync();
  }

  async function untilStored(count: number): Promise<void> {
    for (const deadline = performance.now() + STILL_MS; ; await sleep(200)) {
      const path = `/devices/${DEVICE}/readings?from=${START}&to=${START + 86_400_000}&limit=1000`;
      const { items } = await api.get<{ items: { metric: string }[] }>(path);
      if (items.filter(({ metric }) => metric === "doubled").length >= count) return;
      if (performance.now() > deadline) throw new Error(`not stored: ${instance.stderr()}`);
    }
  }

  async function past(...args: readonly string[]) {
    const range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];
    const result = await runMillraceAsync([...args, ...range, "--data", data]);
    expect(result.stderr.replace(/^millrace: 5 readings of 1 device, .*\n/, "")).toBe("");
    return result.stdout;
  }

  test.each(["log", "tables"])("what it has stored is what it makes, by its %s", async (source) => {
    const report = JSON.parse(await past("backtest", file, "--source", source, "--json"));
    expect(report).toMatchObject({ readings: 5, emitted: 5, deadLetters: 0 });
    expect(report.compared).toEqual({ equal: 10, changed: 0, new: 0, missing: 0, examples: [] });
  });

  test.each(["log", "tables"])("what another version would change is told, by its %s", async (source) => {
    const other = join(directory.path, "other.ts");
    writeFileSync(other, FUNCTION.replace("2 * temperature", "temperature > 3 ? 2 * temperature : 0"));
    const report = JSON.parse(await past("backtest", other, "--source", source, "--json"));
    expect(report.compared).toMatchObject({ equal: 7, changed: 3, new: 0, missing: 0 });
    expect(report.compared.examples[0]).toMatchObject({ device: DEVICE, metric: "doubled", stored: 2, emitted: 0 });
  });

  test("a fixture of the log has what the device sent, one of the tables what is stored", async () => {
    const readings = (text: string) =>
      parseSample(text).flatMap((entry) => ("metrics" in entry ? [entry.metrics] : []));
    expect(readings(await past("record", "--type", "house"))[0]).toEqual({ temperature: 1, open: false });
    const stored = readings(await past("record", "--device", DEVICE, "--source", "tables"));
    expect(stored[0]).toEqual({ temperature: 1, open: false, doubled: 2, closed: 1 });
  });

  test("dev runs what a device sends, as it comes", async () => {
    const live = join(directory.path, "live");
    cpSync(project, live, { recursive: true });
    writeFileSync(join(live, "functions", "doubled.ts"), FUNCTION.replace("doubled: 2", "trebled: 3"));
    const script = join(import.meta.dirname, "../../bin/millrace.js");
    const child = spawn(process.execPath, [script, "dev", live, "--live", DEVICE, "--data", data]);
    const exited = once(child, "exit");
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const says = async (what: string): Promise<void> => {
      for (const deadline = performance.now() + STILL_MS; !said.includes(what); await sleep(100))
        if (performance.now() > deadline) throw new Error(`it does not say ${what}, but: ${said}`);
    };
    try {
      await says('→ doubled {"trebled":3,"closed":true}');
      await publish([40]);
      await says('→ doubled {"trebled":120,"closed":false}');
      child.kill("SIGINT");
      expect(await exited).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
      rmSync(live, { recursive: true });
    }
  });
});
