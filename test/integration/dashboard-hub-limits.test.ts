import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { CLOSE_CODE } from "../../dashboard/live-protocol.ts";
import { type HubHarness, startHubHarness } from "../support/hub-harness.ts";

let harness: HubHarness;
afterEach(() => harness.stop());

describe("a slow browser", () => {
  const devices = Array.from({ length: 100 }, (_, i) => `device-${i}`);
  const flood = async (round: number) => {
    for (const device of devices)
      await harness.writeReading({ device, ts: round, metrics: { t: round, pad: "x".repeat(4000) } });
    // Writing in memory alone would never let the sockets have their turn.
    await turn();
  };

  it("is conflated while others go on, and has the newest values when it reads again", async () => {
    harness = await startHubHarness({
      limits: { dashboardBufferBytesMax: 10_000, slowClientMs: 60_000 },
      paces: { flushMs: 1 },
    });
    await harness.hub.start();
    const [slow, quick] = [await harness.connect(), await harness.connect()];
    for (const client of [slow, quick]) {
      client.watch({ devices });
      await client.next("watching");
    }
    slow.socket.pause();
    let round = 0;
    while (harness.metric("millrace_dashboard_conflated_total") === 0) await flood((round += 1));
    await flood((round += 1));
    const hasLast = (message: { devices: readonly (readonly [string, number, object])[] }) =>
      message.devices.some(([device, received]) => device === "device-99" && received === round);
    await quick.next("values", hasLast);
    slow.socket.resume();
    await slow.next("values", hasLast);
    expect(slow.messages.length).toBeLessThan(quick.messages.length);
    expect(harness.metric("millrace_dashboard_dropped_clients_total")).toBe(0);
  });

  it("is dropped when it stays slow", async () => {
    harness = await startHubHarness({
      limits: { dashboardBufferBytesMax: 10_000, slowClientMs: 50 },
      paces: { flushMs: 1 },
    });
    await harness.hub.start();
    const slow = await harness.connect();
    slow.watch({ devices });
    await slow.next("watching");
    slow.socket.pause();
    for (let round = 1; harness.metric("millrace_dashboard_dropped_clients_total") === 0; round += 1)
      await flood(round);
    await expect.poll(() => harness.metric("millrace_dashboard_clients")).toBe(0);
  });

  it("is told that readings were skipped", async () => {
    harness = await startHubHarness({ limits: { pendingEventsMax: 10 }, paces: { flushMs: 200, deviceFlushMs: 200 } });
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ device: "pump" });
    await client.next("watching");
    for (let i = 1; i <= 100; i += 1) await harness.writeReading({ device: "pump", ts: i, metrics: { t: i } });
    const { readings } = await client.next("readings", ({ missed }) => missed);
    expect(readings.at(-1)?.[0]).toBe(100);
  });
});

describe("a browser that sends nonsense", () => {
  it("gets a typed error and stays connected", async () => {
    harness = await startHubHarness();
    await harness.hub.start();
    const client = await harness.connect();
    client.socket.send("{");
    expect(await client.next("error")).toEqual({
      type: "error",
      code: "INVALID_INPUT",
      detail: "The message is not JSON.",
    });
    client.socket.send(Buffer.from([1, 2, 3]));
    await client.next("error", ({ detail }) => detail.includes("binary"));
    client.watch({ devices: ["a/b"] });
    await client.next("error", ({ detail }) => detail.startsWith("devices.0"));
    client.watch({});
    await client.next("watching");
  });

  it("is closed when it does not stop", async () => {
    harness = await startHubHarness({ limits: { clientErrorsMax: 3 } });
    await harness.hub.start();
    const client = await harness.connect();
    const closed = client.closed();
    for (let i = 0; i < 5; i += 1) client.socket.send("{");
    expect(await closed).toBe(CLOSE_CODE.tooManyErrors);
  });

  it("is refused when it sends too often", async () => {
    harness = await startHubHarness({ limits: { clientMessagesPerSecondMax: 5 } });
    await harness.hub.start();
    const client = await harness.connect();
    for (let i = 0; i < 8; i += 1) client.watch({});
    expect(await client.next("error")).toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it("is closed by a message above the ceiling", async () => {
    harness = await startHubHarness({ limits: { clientMessageBytesMax: 1000 } });
    await harness.hub.start();
    const client = await harness.connect();
    const closed = client.closed();
    client.socket.send("x".repeat(2000));
    expect(await closed).toBe(1009);
  });

  it("cannot watch more devices than the ceiling", async () => {
    harness = await startHubHarness({ limits: { watchedDevicesMax: 2 } });
    await harness.hub.start();
    const client = await harness.connect();
    client.watch({ devices: ["a", "b", "c"] });
    expect(await client.next("error")).toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

describe("an upgrade", () => {
  it("is refused to a page of a foreign origin", async () => {
    harness = await startHubHarness({ allowedOrigins: ["https://wall.example"] });
    expect(await harness.refused({ origin: "https://evil.example" })).toEqual({ status: 403, code: "NOT_AUTHORIZED" });
    await harness.connect({ origin: "https://wall.example" });
    await harness.connect({ origin: `http://127.0.0.1:${harness.port}` });
  });

  it("is refused without a session, to devices, and while the registry cannot answer", async () => {
    const answers = [
      async () => null,
      async () => ({ kind: "device", tenant: "acme", id: "pump" }) as const,
      () => Promise.reject(new MillraceError("REGISTRY_IO", "locked")),
    ];
    harness = await startHubHarness({ authenticate: () => (answers.shift() ?? (async () => null))() });
    expect(await harness.refused()).toEqual({ status: 401, code: "NOT_AUTHENTICATED" });
    expect(await harness.refused()).toEqual({ status: 403, code: "NOT_AUTHORIZED" });
    expect(await harness.refused()).toEqual({ status: 503, code: "REGISTRY_IO" });
    expect(harness.metric("millrace_dashboard_refused_total")).toBe(3);
  });

  it("is refused at another path and above the ceiling of browsers", async () => {
    harness = await startHubHarness({ limits: { dashboardClientsMax: 1 } });
    expect(await harness.refused({}, "/other")).toEqual({ status: 404, code: "NOT_FOUND" });
    await harness.connect();
    expect(await harness.refused()).toEqual({ status: 503, code: "LIMIT_EXCEEDED" });
  });
});

describe("an open connection", () => {
  it("ends when its session does, but not while the registry cannot answer", async () => {
    let answer: () => Promise<{ kind: "admin"; tenant: string; id: string } | null> = async () => ({
      kind: "admin",
      tenant: "acme",
      id: "me",
    });
    harness = await startHubHarness({ authenticate: () => answer(), paces: { reauthenticateMs: 20 } });
    await harness.hub.start();
    const client = await harness.connect();
    const closed = client.closed();
    let asked = 0;
    answer = async () => {
      asked += 1;
      throw new MillraceError("REGISTRY_IO", "locked");
    };
    await expect.poll(() => asked).toBeGreaterThan(2);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    answer = async () => null;
    expect(await closed).toBe(CLOSE_CODE.signedOut);
  });

  it("ends when pings are not answered", async () => {
    harness = await startHubHarness({ paces: { pingMs: 30 } });
    await harness.hub.start();
    const client = await harness.connect();
    client.socket.pause();
    await expect.poll(() => harness.metric("millrace_dashboard_clients")).toBe(0);
  });
});
