import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { createRandom } from "../../../../device-sim/random.ts";
import { replay, type ReplayMessage, type ReplayOptions } from "../../../../device-sim/replay/replay.ts";
import {
  type FakeBroker,
  type FakeBrokerOptions,
  type Received,
  startFakeBroker,
  type Verdict,
} from "../fake-broker.ts";

const DEVICES = ["a", "b", "c"];
const tokens = new Map(DEVICES.map((id) => [id, { token: `token-of-${id}` }]));
const backoffMs = { min: 1, max: 20 };
const brokers: FakeBroker[] = [];

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

test("every message arrives once, in its device's order, under the device's own token", async () => {
  const broker = await start();
  const result = await run(broker, { messages: numbered(300) });
  expect(result).toMatchObject({ sent: 900, acknowledged: 900, resent: 0, devices: 3, complete: true });
  for (const device of DEVICES) expect(numbersOf(broker, device)).toEqual(range(300));
  expect(broker.connects.toSorted((x, y) => (x.clientId < y.clientId ? -1 : 1))).toEqual(
    DEVICES.map((id) => ({ clientId: id, username: id, token: `token-of-${id}` })),
  );
  expect(broker.received.every((message) => message.topic === "v1/devices/me/telemetry" && !message.dup)).toBe(true);
});

test.for([1, 2, 3, 4, 5, 6, 7, 8])(
  "over connections that break at random moments (seed %i) each one starts with what is unacknowledged, in order and marked DUP",
  async (seed) => {
    const broker = await start({ decide: breakAtRandom(seed) });
    // At full speed a lost connection finds a full window; a slow source brings new messages while the device is away.
    const messages = seed % 2 === 0 ? slowly(numbered(400)) : numbered(400);
    const result = await run(broker, { messages });
    expect(result).toMatchObject({ sent: 1200, acknowledged: 1200, complete: true });
    expect(result.resent).toBeGreaterThan(0);
    for (const device of DEVICES) {
      expect(distinct(numbersOf(broker, device))).toEqual(range(400));
      expectExactResends(broker.received.filter((message) => message.client === device));
    }
  },
);

test("no more than the window is unacknowledged at once", async () => {
  const broker = await start({ decide: () => "silent" });
  const stop = new AbortController();
  const running = run(broker, { messages: numbered(50), window: 7, signal: stop.signal });
  await until(() => broker.received.length === 21);
  await setTimeout(50);
  expect(broker.received).toHaveLength(21);
  stop.abort();
  expect(await running).toMatchObject({ sent: 21, acknowledged: 0, complete: false });
});

test("a broker that goes away and comes back loses nothing and gets nothing out of order", async () => {
  const broker = await start();
  const running = run(broker, { messages: slowly(numbered(200)) });
  await until(() => broker.received.length > 100);
  await broker.stop();
  await setTimeout(500);
  await broker.start();
  expect(await running).toMatchObject({ sent: 600, acknowledged: 600, complete: true });
  for (const device of DEVICES) expect(distinct(numbersOf(broker, device))).toEqual(range(200));
});

test("at ×N the recorded distances shrink by N, and no message is early", async () => {
  const broker = await start();
  const startedAt = performance.now();
  const arrivals: number[] = [];
  const source = (async function* () {
    for (const i of range(6)) yield { deviceId: "a", ts: 1_000_000 + i * 60_000, payload: Buffer.from(`{"n":${i}}`) };
  })();
  const watching = setInterval(() => {
    while (arrivals.length < broker.received.length) arrivals.push(performance.now() - startedAt);
  }, 1);
  await run(broker, { messages: source, speed: 1000 });
  clearInterval(watching);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
  expect(arrivals.every((arrivedMs, index) => arrivedMs >= index * 60 - 1)).toBe(true);
});

test("a message that a broker never acknowledges, connection after connection, ends the replay with a reason", async () => {
  const broker = await start({ decide: (message) => (number(message) === 3 ? "cut" : "ack") });
  const ending = run(broker, { messages: numbered(10), backoffMs: { min: 0, max: 1 } });
  await expect(ending).rejects.toMatchObject({ code: "DELIVERY_FAILED", message: expect.stringContaining("device ") });
});

test("a device that the broker does not accept ends the replay at once", async () => {
  const broker = await start({ returnCode: (client) => (client === "b" ? 5 : 0) });
  const ending = run(broker, { messages: slowly(numbered(1000)) });
  await expect(ending).rejects.toMatchObject({
    code: "NOT_AUTHENTICATED",
    message: expect.stringContaining("device b"),
  });
});

test("a broker that says that it is unavailable is asked again", async () => {
  let refusals = 3;
  const broker = await start({ returnCode: () => (refusals-- > 0 ? 3 : 0) });
  expect(await run(broker, { messages: numbered(5) })).toMatchObject({ acknowledged: 15, complete: true });
});

test("a device without a token is named", async () => {
  const broker = await start();
  const ending = run(broker, { messages: numbered(5), tokens: () => undefined });
  await expect(ending).rejects.toMatchObject({
    code: "NOT_AUTHENTICATED",
    message: expect.stringContaining("device a"),
  });
});

test("a source that fails ends the replay with its error, and one that is left is closed", async () => {
  const broker = await start();
  const failing = (async function* () {
    yield* numbered(2);
    throw new Error("the file ends in the middle");
  })();
  await expect(run(broker, { messages: failing })).rejects.toThrow("in the middle");
  let closed = false;
  const stop = new AbortController();
  const endless = (async function* () {
    try {
      for (;;) yield* slowly(numbered(1000));
    } finally {
      closed = true;
    }
  })();
  const running = run(broker, { messages: endless, signal: stop.signal });
  await until(() => broker.received.length > 20);
  stop.abort();
  expect(await running).toMatchObject({ complete: false });
  await until(() => closed);
});

test.for([{ window: 0 }, { window: 101 }, { speed: 0 }, { speed: Number.NaN }, { url: "localhost" }] as const)(
  "%o is refused",
  async (wrong) => {
    const broker = await start();
    await expect(run(broker, { messages: numbered(1), ...wrong })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  },
);

test("progress ends with the final counts", async () => {
  const broker = await start();
  const seen: number[] = [];
  await run(broker, { messages: numbered(50), onProgress: ({ acknowledged }) => seen.push(acknowledged) });
  expect(seen.at(-1)).toBe(150);
});

async function start(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const broker = await startFakeBroker(options);
  brokers.push(broker);
  return broker;
}

function run(broker: FakeBroker, options: Partial<ReplayOptions> & Pick<ReplayOptions, "messages">) {
  return replay({ url: broker.url, tokens, speed: "max", backoffMs, ...options });
}

async function* numbered(count: number): AsyncGenerator<ReplayMessage> {
  for (const n of range(count)) {
    for (const deviceId of DEVICES) yield { deviceId, ts: n, payload: Buffer.from(JSON.stringify({ n })) };
  }
}

async function* slowly(messages: AsyncIterable<ReplayMessage>): AsyncGenerator<ReplayMessage> {
  for await (const message of messages) {
    await setTimeout(1);
    yield message;
  }
}

/** Mostly acknowledges; sometimes answers late or cuts, before or after the acknowledgement. */
function breakAtRandom(seed: number): (message: Received) => Verdict {
  const random = createRandom(`broker ${seed}`);
  return () => {
    const dice = random.next();
    if (dice < 0.02) return "cut";
    if (dice < 0.04) return "ack-then-cut";
    return "ack";
  };
}

/**
 * On every connection the numbers run without a gap; it starts at the first one that was not acknowledged to the device, and DUP
 * stands exactly on what the device has sent before, under the same packet identifier.
 */
function expectExactResends(received: readonly Received[]): void {
  const packetIds = new Map<number, number>();
  const byConnection = Map.groupBy(received, (message) => message.connection);
  let newest = -1;
  for (const messages of byConnection.values()) {
    const numbers = messages.map(number);
    const first = numbers[0] ?? 0;
    expect(numbers).toEqual(range(numbers.length).map((index) => first + index));
    expect(first).toBeLessThanOrEqual(newest + 1);
    for (const message of messages) {
      // The device may have written what the broker never read: then DUP stands on a first arrival, which the clause allows.
      if (number(message) <= newest) {
        expect(message.dup).toBe(true);
        expect(message.packetId).toBe(packetIds.get(number(message)));
      }
      packetIds.set(number(message), message.packetId);
    }
    newest = Math.max(newest, ...numbers);
  }
}

function number(message: Received): number {
  return JSON.parse(message.payload).n;
}

function numbersOf(broker: FakeBroker, client: string): readonly number[] {
  return broker.received.filter((message) => message.client === client).map(number);
}

function distinct(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)];
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(2);
}
