import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FunctionInstance } from "../support/function-instance.ts";
import type { FunctionUsage } from "../../core/function-usage.ts";
import type { SlowDeviceOrder } from "../../core/slow-device-order.ts";
import type { SlowDevice } from "../../core/slow-devices.ts";

const HOUR = 3_600_000;
const SOON = { timeout: 60_000, interval: 200 };

describe("slow devices of a running instance", () => {
  const own = new FunctionInstance();
  const slow = async (by: SlowDeviceOrder) =>
    (await own.api.get<{ items: readonly SlowDevice[] }>(`/slow-devices?by=${by}`)).items;

  async function publish(body: string): Promise<void> {
    const { ingest, token } = own.instance.ready;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`${ingest}/v1/telemetry`, { method: "POST", headers, body });
    expect(response.ok).toBe(true);
  }

  beforeAll(() => own.start({ flags: ["--no-clickhouse"] }));
  afterAll(() => own.dispose());

  it("are none as long as nothing was sent", async () => {
    for (const by of ["silence", "delay", "rejects"] as const) expect(await slow(by)).toEqual([]);
    expect(await own.millrace("devices", "slow")).toContain("No device has been silent");
  });

  it("are those that report late, and of whose messages most do not count", async () => {
    for (let n = 0; n < 4; n += 1) await publish(JSON.stringify({ ts: Date.now() - HOUR, values: { n } }));
    for (let n = 0; n < 12; n += 1) await publish("{bad");
    const { device } = own.instance.ready;
    await expect.poll(async () => (await slow("delay")).map((one) => one.device), SOON).toEqual([device]);
    await expect
      .poll(async () => (await slow("rejects"))[0], SOON)
      .toMatchObject({
        device,
        messages: 16,
        quarantined: 12,
        duplicates: 0,
      });
    const [late] = await slow("delay");
    expect(late?.delayMs).toBeGreaterThanOrEqual(HOUR);
    const table = await own.millrace("devices", "slow", "--by", "rejects", "--limit", "5");
    expect(table).toMatch(new RegExp(`^${device} .* 16 +0 +0 +12 +0$`, "m"));
  });

  it("have functions beside them that say what they take", async () => {
    const { items } = await own.api.get<{ items: readonly FunctionUsage[] }>("/functions/usage");
    const clean = items.find((one) => one.function === "clean");
    expect(clean?.callMsP50).toBeGreaterThan(0);
    expect(clean?.callMsP99).toBeGreaterThanOrEqual(clean?.callMsP50 ?? Infinity);
    expect(await own.millrace("usage", "--slow")).toMatch(/p50 µs +p99 µs +% of stage/);
    expect(await own.api.metrics()).toMatch(
      /millrace_function_timed_calls_total\{function="clean",le="\+Inf",stage="main",version="1"\} [1-9]/,
    );
  });

  it("are not those that were removed", async () => {
    await own.millrace("devices", "remove", own.instance.ready.device, "--yes");
    await expect.poll(() => slow("delay"), SOON).toEqual([]);
    expect(await slow("rejects")).toEqual([]);
  });
});
