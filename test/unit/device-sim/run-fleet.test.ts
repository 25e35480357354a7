import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { createFleet, nameFleet } from "../../../device-sim/fleet.ts";
import { runFleet } from "../../../device-sim/run-fleet.ts";
import { type FakeBroker, type FakeBrokerOptions, startFakeBroker } from "./fake-broker.ts";

const devices = nameFleet(6);
const tokens = new Map(devices.map(({ id }) => [id, { token: `token-of-${id}` }]));
const fleetNow = () => createFleet({ devices, seed: 1, startAt: Date.now() });
const brokers: FakeBroker[] = [];

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

test("a fleet sends exactly its messages, each device on its own connection, and all are acknowledged", async () => {
  const broker = await start();
  const fleet = fleetNow();
  const result = await runFleet({ fleet, rate: 300, connect: broker, credentials: tokens, messagesMax: 120 });
  expect(result).toEqual({ devices: 6, connected: 6, refused: 0, sent: 120, acknowledged: 120, dropped: 0 });
  const expected = fleet.messages(20);
  for (const { id } of devices) {
    const sent = broker.received.filter((message) => message.client === id).map((message) => message.payload);
    expect(sent.length).toBeGreaterThan(15);
    expect(broker.connects.filter((connect) => connect.clientId === id)).toHaveLength(1);
  }
  const first = expected.next().value;
  expect(broker.received.find((message) => message.client === first.deviceId)?.payload).toBe(first.payload.toString());
});

test("a stopped fleet ends soon, with its counts", async () => {
  const broker = await start();
  const stop = new AbortController();
  const running = runFleet({
    fleet: fleetNow(),
    rate: 100,
    connect: broker,
    credentials: (id) => tokens.get(id),
    signal: stop.signal,
  });
  await until(() => broker.received.length > 10);
  stop.abort();
  const result = await running;
  expect(result.acknowledged).toBe(result.sent);
});

test("a broker that acknowledges nothing does not keep a stopped fleet, and a full window drops", async () => {
  const broker = await start({ decide: () => "silent" });
  const stop = new AbortController();
  const running = runFleet({ fleet: fleetNow(), rate: 600, connect: broker, credentials: tokens, signal: stop.signal });
  await until(() => broker.received.length >= 600);
  await setTimeout(100);
  stop.abort();
  const result = await running;
  expect(result).toMatchObject({ sent: 600, acknowledged: 0 });
  expect(result.dropped).toBeGreaterThan(0);
});

test("one refused device does not stop the others", async () => {
  const broker = await start({ returnCode: (client) => (client === "pump-01" ? 5 : 0) });
  const result = await runFleet({
    fleet: fleetNow(),
    rate: 300,
    connect: broker,
    credentials: tokens,
    messagesMax: 60,
  });
  expect(result).toMatchObject({ refused: 1, connected: 5, dropped: 10 });
  expect(result.acknowledged).toBe(50);
});

test("a fleet of which no device is accepted says so", async () => {
  const broker = await start({ returnCode: () => 4 });
  const ending = runFleet({ fleet: fleetNow(), connect: broker, credentials: tokens });
  await expect(ending).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
});

test("more devices than one simulator connects are refused", async () => {
  const many = nameFleet(LIMITS.simulatorConnectionsMax + 1);
  const fleet = createFleet({ devices: many, seed: 1, startAt: Date.now() });
  const running = runFleet({ fleet, connect: { url: "mqtt://127.0.0.1:1" }, credentials: () => undefined });
  await expect(running).rejects.toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining("5001") });
});

test.for([0, -1, Number.NaN, 100_000])("a rate of %d is refused", async (rate) => {
  const ending = runFleet({ fleet: fleetNow(), rate, connect: { url: "mqtt://127.0.0.1:1" }, credentials: tokens });
  await expect(ending).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

async function start(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const broker = await startFakeBroker(options);
  brokers.push(broker);
  return broker;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(2);
}
