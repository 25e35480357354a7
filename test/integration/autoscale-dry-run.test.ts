import { expect, test } from "vitest";
import { createInstanceClient } from "../../bench/instance-client.ts";
import { runLoad } from "../../bench/run-load.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";

test("a dry run counts what the load would need, and leaves the threads alone", async () => {
  const data = temporaryDirectory();
  const instance = await startInstance({ data: data.path, flags: ["--no-clickhouse", "--autoscale", "dry-run"] });
  const metric = async (name: string): Promise<number | undefined> => {
    const text = await (await fetch(`${instance.httpUrl}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name}{`));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
  try {
    await expect.poll(() => metric("millrace_autoscaler_replicas"), { timeout: 30_000 }).toBeGreaterThan(0);
    const threads = await metric("millrace_autoscaler_replicas");
    const client = createInstanceClient(instance);
    const devices = await client.addDevices(2);
    const port = Number(new URL(instance.ready.mqtt).port);
    const { sent } = await runLoad({ port, devices, window: 10, seconds: 3, rate: 200 });
    expect(sent).toBeGreaterThan(0);
    const lines = async () => (await fetch(`${instance.httpUrl}/metrics`)).text();
    // Counters and busy time have come together: the load is small, and known to be.
    await expect
      .poll(lines, { timeout: 60_000 })
      .toMatch(/autoscaler_decisions_total\{[^}]*reason="(enough|less load)"/);
    expect(await metric("millrace_autoscaler_wanted_replicas")).toBe(1);
    expect(await metric("millrace_autoscaler_replicas")).toBe(threads);
  } finally {
    await instance.kill();
    data.dispose();
  }
});
