import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createInstanceClient } from "../../bench/instance-client.ts";
import { runLoad } from "../../bench/run-load.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";

const FUNCTION = `
import { defineMap, z } from "millrace/function";
export const doubled = defineMap({
  name: "doubled",
  input: z.object({ temperature: z.number() }),
  process: ({ metrics }) => ({ temperature_doubled: 2 * metrics.temperature }),
});
`;
const WAIT = { timeout: 120_000, interval: 200 };

test("users' functions have no thread while there is nothing to do, and the append wakes one", async () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  const environment = { MILLRACE_FUNCTION_THREADS: "2" };
  const start = () => startInstance({ data, flags: ["--no-clickhouse", "--autoscale", "on"], environment });
  let instance: Instance = await start();
  const metric = (name: string) => createInstanceClient(instance).counter(name, 'stage="functions"');
  try {
    const client = createInstanceClient(instance);
    const devices = await client.addDevices(2);
    const file = join(directory.path, "doubled.ts");
    writeFileSync(file, FUNCTION);
    expect(await runMillraceAsync(["deploy", file, "--yes"], { MILLRACE_DATA: data })).toMatchObject({ code: 0 });
    // What is deployed lies in the log: it wakes the first one.
    await expect.poll(() => metric("millrace_stage_records_total"), WAIT).toBeGreaterThan(0);
    await expect.poll(() => metric("millrace_autoscaler_replicas"), WAIT).toBe(1);

    await instance.stop();
    instance = await start();
    await expect.poll(() => metric("millrace_autoscaler_decisions_total"), WAIT).toBeGreaterThan(0);
    expect(await metric("millrace_autoscaler_replicas")).toBe(0);
    const port = Number(new URL(instance.ready.mqtt).port);
    const { sent } = await runLoad({ port, devices, window: 10, seconds: 1, rate: 50 });
    await expect.poll(() => metric("millrace_autoscaler_replicas"), WAIT).toBe(1);
    await expect.poll(() => metric("millrace_stage_records_total"), WAIT).toBeGreaterThanOrEqual(sent);
  } finally {
    await instance.kill();
    directory.dispose();
  }
});
