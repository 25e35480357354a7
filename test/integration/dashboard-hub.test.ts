import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AlarmEvent } from "../../core/derived-records.ts";
import { MillraceError } from "../../core/errors.ts";
import { type HubHarness, startHubHarness } from "../support/hub-harness.ts";

const NOW = Date.now();
const ALARM: AlarmEvent = {
  v: 1,
  tenant: "acme",
  device: "pump",
  id: "alarm-1",
  rule: "hot",
  ruleName: "Hot",
  severity: "high",
  transition: "raised",
  ts: NOW,
  since: NOW,
  received: NOW,
  message: "too hot",
};

describe("the live hub", () => {
  let harness: HubHarness;
  beforeEach(async () => {
    harness = await startHubHarness();
  });
  afterEach(() => harness.stop());

  it("tells last values from before its start, the newest by event time", async () => {
    await harness.writeReading({ device: "pump", ts: NOW - 1000, metrics: { t: 2 } });
    await harness.writeReading({ device: "pump", ts: NOW - 9000, metrics: { t: 1, p: 7 } });
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ devices: ["pump"] });
    const { devices } = await client.next(
      "values",
      (message) => Object.keys(message.devices[0]?.[2] ?? {}).length === 2,
    );
    expect(devices).toEqual([["pump", NOW - 1000, { t: [NOW - 1000, 2, NOW - 1000], p: [NOW - 9000, 7, NOW - 9000] }]]);
  });

  it("knows the pace of each device by what it sent itself, from before its start too, until it is removed", async () => {
    const send = async (n: number, madeBy: string) =>
      harness.writeReading(
        { device: "pump", ts: NOW + n * 5000 - 700, received: NOW + n * 5000, metrics: { t: n } },
        madeBy,
      );
    for (const n of [0, 1, 2, 3]) await send(n, "clean@1");
    await harness.hub.start();
    const pace = () => [...harness.hub.paces("acme")];
    await expect.poll(pace).toMatchObject([{ device: "pump", intervalMs: 5000, delayMs: 700 }]);
    await send(4, "clean@1");
    // What functions made of it is no message.
    await send(9, "dew-point@3");
    await harness.writeReading({ device: "other", ts: NOW, metrics: { t: 1 } }, "clean@1");
    await expect
      .poll(() => pace().map(({ device, received }) => [device, received]))
      .toEqual([
        ["pump", NOW + 20_000],
        ["other", NOW],
      ]);
    expect([...harness.hub.paces("somebody-else")]).toEqual([]);
    await harness.writeRemoval("pump", NOW + 60_000);
    await expect.poll(() => pace().map(({ device }) => device)).toEqual(["other"]);
    await send(1, "clean@1");
    await harness.writeReading({ device: "other", ts: NOW + 9000, metrics: { t: 1 } }, "clean@1");
    await expect.poll(() => pace().map(({ received }) => received)).toEqual([NOW + 9000]);
  });

  it("sends values of watched devices only, as they are written", async () => {
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ devices: ["pump"] });
    await client.next("watching");
    await harness.writeReading({ device: "other", ts: NOW, metrics: { t: 1 } });
    await harness.writeReading({ device: "pump", ts: NOW, metrics: { t: 21.5 } });
    const { devices } = await client.next("values");
    expect(devices).toEqual([["pump", NOW, { t: [NOW, 21.5, NOW] }]]);
  });

  it("streams every reading of the one watched device, with those from just before the watch", async () => {
    await harness.hub.start();
    await harness.writeReading({ device: "pump", ts: NOW, metrics: { t: 1 } });
    await expect.poll(() => harness.metric("millrace_dashboard_records_total")).toBe(1);
    const client = await harness.connect();
    client.watch({ device: "pump" });
    await client.next("readings");
    for (let i = 1; i <= 20; i += 1) await harness.writeReading({ device: "pump", ts: NOW + i, metrics: { t: i } });
    await client.next("readings", ({ readings }) => readings.some(([ts]) => ts === NOW + 20));
    const times = client.messages.flatMap((message) =>
      message.type === "readings" ? message.readings.map(([ts]) => ts) : [],
    );
    expect(times).toEqual(Array.from({ length: 21 }, (_, i) => NOW + i));
  });

  it("sends the first update at once and then conflates: many writes, few frames, the newest value last", async () => {
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ devices: ["pump"] });
    await client.next("watching");
    for (let i = 1; i <= 300; i += 1) await harness.writeReading({ device: "pump", ts: NOW + i, metrics: { t: i } });
    await client.next("values", ({ devices }) => devices[0]?.[2]["t"]?.[1] === 300);
    expect(client.messages.filter(({ type }) => type === "values").length).toBeLessThan(20);
  });

  it("sends alarms, overview, fleet and throughput to who wants them", async () => {
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ overview: true, alarms: true });
    await client.next("watching");
    await harness.writeAlarm(ALARM);
    expect((await client.next("alarms")).events).toEqual([ALARM]);
    expect((await client.next("overview")).overview.hops[0]?.name).toBe("in");
    expect(await client.next("throughput")).toBeDefined();
    const { noisy } = await client.next("fleet", (message) => message.noisy.length > 0);
    expect(noisy[0]).toEqual({ device: "pump", alarms: 1, readingsPerMinute: 0 });
  });

  it("shows nobody anything of another tenant, not even of a device with the same id", async () => {
    await harness.hub.start();
    const own = await harness.connect({ authorization: "acme" });
    const other = await harness.connect({ authorization: "rival" });
    for (const client of [own, other]) {
      client.watch({ overview: true, alarms: true, devices: ["pump"], device: "pump" });
      await client.next("watching");
    }
    await harness.writeAlarm(ALARM);
    await harness.writeReading({ device: "pump", ts: NOW, metrics: { secret: 1 } });
    await own.next("values");
    await own.next("alarms");
    await harness.writeReading({ tenant: "rival", device: "pump", ts: NOW, metrics: { mine: 2 } });
    await other.next("readings");
    await other.next("values");
    await other.next("fleet", ({ noisy }) => noisy.length > 0);
    const seen = JSON.stringify(other.messages);
    expect(seen).not.toContain("secret");
    expect(seen).not.toContain("alarm-1");
    expect(JSON.stringify(own.messages)).not.toContain("mine");
  });

  it("sends nothing of a device after another one is watched", async () => {
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ device: "pump" });
    await client.next("watching", ({ id }) => id === 1);
    client.watch({ device: "meter" });
    await client.next("watching", ({ id }) => id === 2);
    await harness.writeReading({ device: "pump", ts: NOW, metrics: { t: 1 } });
    await harness.writeReading({ device: "meter", ts: NOW, metrics: { t: 2 } });
    await client.next("readings");
    expect(client.messages.flatMap((m) => (m.type === "readings" ? [m.device] : []))).toEqual(["meter"]);
  });

  it("forgets a removed device", async () => {
    await harness.hub.start();
    await harness.writeReading({ device: "pump", ts: NOW, metrics: { t: 1 } });
    await expect.poll(() => harness.metric("millrace_dashboard_records_total")).toBe(1);
    await harness.writeRemoval("pump", NOW);
    await expect.poll(() => harness.metric("millrace_dashboard_records_total")).toBe(2);
    const client = await harness.connect();
    client.watch({ devices: ["pump"], device: "pump" });
    await client.next("watching");
    expect(client.messages.map(({ type }) => type)).toEqual(["hello", "watching"]);
  });

  it("shows nothing of a device that was removed before it started, and what came since", async () => {
    await harness.writeReading({ device: "pump", ts: NOW - 9, metrics: { t: 1 } });
    await harness.writeReading({ device: "gone", ts: NOW - 9, metrics: { t: 1 } });
    await harness.writeRemoval("pump", NOW - 8);
    await harness.writeRemoval("gone", NOW - 8);
    await harness.writeReading({ device: "pump", ts: NOW - 7, metrics: { p: 2 } });
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ devices: ["pump", "gone"] });
    const { devices } = await client.next("values", ({ devices: [first] }) => first?.[2]["t"] === undefined);
    expect(devices).toEqual([["pump", NOW - 7, { p: [NOW - 7, 2, NOW - 7] }]]);
  });

  it("counts and skips records that it cannot read", async () => {
    await harness.hub.start();
    const value = new TextEncoder().encode("{");
    await harness.log.append("readings", 0, [{ timestamp: NOW, key: null, value, headers: [] }]);
    await expect.poll(() => harness.metric("millrace_dashboard_unreadable_total")).toBe(1);
    expect(harness.hub.notReadyReasons()).toEqual([]);
  });

  it("goes on with the oldest records when retention has passed it", async () => {
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ devices: ["pump"] });
    await client.next("watching");
    harness.reads.failure = new MillraceError("OFFSET_OUT_OF_RANGE", "readings/0 begins at 2");
    for (let i = 0; i < 4; i += 1) await harness.writeReading({ device: "pump", ts: NOW + i, metrics: { t: i } });
    harness.log.trim("readings", 0, 3);
    harness.reads.failure = null;
    const { devices } = await client.next("values");
    expect(devices[0]?.[2]["t"]?.[1]).toBe(3);
  });

  it("is not ready while the log cannot be read, and recovers", async () => {
    await harness.hub.start();
    harness.reads.failure = new MillraceError("LOG_IO", "disk gone");
    await harness.writeReading({ device: "pump", ts: NOW, metrics: { t: 1 } });
    await expect
      .poll(() => harness.hub.notReadyReasons(), { timeout: 30_000 })
      .toEqual(["dashboard: cannot read the log: disk gone"]);
    harness.reads.failure = null;
    await expect.poll(() => harness.hub.notReadyReasons(), { timeout: 30_000 }).toEqual([]);
  });

  it("closes every connection when it stops", async () => {
    await harness.hub.start();
    const client = await harness.connect();
    const closed = client.closed();
    await harness.hub.stop(AbortSignal.timeout(1000));
    expect(await closed).toBe(1001);
  });
});
