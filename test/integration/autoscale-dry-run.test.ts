import { expect, test } from "vitest";
import { createInstanceClient } from "../../bench/instance-client.ts";
import { runLoad } from "../../bench/run-load.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";

const THREADS = 2;

test("a dry run counts what the load would need, and leaves the threads alone", async () => {
  const data = temporaryDirectory();
  const flags = ["--no-clickhouse", "--autoscale", "dry-run", "--processor-threads", String(THREADS)];
  const instance = await startInstance({ data: data.path, flags });
  const metric = async (name: string): Promise<number | undefined> => {
    const text = await (await fetch(`${instance.httpUrl}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name}{`));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
  try {
    await expect.poll(() => metric("millrace_autoscaler_replicas"), { timeout: 60_000 }).toBe(THREADS);
    const client = createInstanceClient(instance);
    const devices = await client.addDevices(2);
    const port = Number(new URL(instance.ready.mqtt).port);
    await runLoad({ port, devices, window: 10, seconds: 3, rate: 100 });
    // Counters of the log and the threads' time come together: the load is small, and known to be.
    await expect.poll(() => metric("millrace_autoscaler_wanted_replicas"), { timeout: 120_000 }).toBe(1);
    expect(await metric("millrace_autoscaler_replicas")).toBe(THREADS);
  } finally {
    await instance.kill();
    data.dispose();
  }
});
