import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createPublishRates } from "../../../broker/publish-rates.ts";
import { createMetrics } from "../../../core/metrics.ts";

const LIMITS = {
  messagesPerSecondPerConnectionMax: 0,
  payloadBytesPerSecondPerConnectionMax: 0,
  messagesPerSecondPerDeviceMax: 0,
  payloadBytesPerSecondPerDeviceMax: 0,
  publishBurstMs: 1000,
  pacedDevicesMax: 3,
};

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

interface Passed {
  readonly at: number;
  readonly message: number;
}

function makeRates(limits: Partial<typeof LIMITS>) {
  const metrics = createMetrics();
  const nowMs = (): number => Date.now();
  const rates = createPublishRates({ limits: { ...LIMITS, ...limits }, metrics, nowMs });
  const sumOf = (name: string, by: string): number =>
    metrics.snapshot().find((sample) => sample.name === name && sample.labels["by"] === by)?.value ?? 0;
  return { rates, sumOf };
}

/** A connection that always has more to send, or what `send` gives it: what a walk does with its pace. */
function makeSender(rates: ReturnType<typeof createPublishRates>, device: string, bytes = 1) {
  const passed: Passed[] = [];
  let due = 0;
  let message = 0;
  const walk = (): void => {
    pace?.begin();
    while (message < due && pace?.mayPass() !== false) {
      passed.push({ at: Date.now(), message: message++ });
      pace?.spend(bytes);
    }
    pace?.settle();
  };
  const pace = rates.paceOf(device, walk);
  return {
    passed,
    pace,
    send(count: number) {
      due += count;
      walk();
    },
  };
}

describe("a rate of messages", () => {
  test("is never exceeded in any span, everything passes in the end, and in order", () => {
    const bursts = fc.array(fc.record({ count: fc.nat(300), afterMs: fc.nat(1500) }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 2000 }), bursts, (perSecond, sent) => {
        const { rates } = makeRates({ messagesPerSecondPerConnectionMax: perSecond });
        const sender = makeSender(rates, "t/d");
        let total = 0;
        for (const { count, afterMs } of sent) {
          sender.send(count);
          total += count;
          vi.advanceTimersByTime(afterMs);
        }
        vi.advanceTimersByTime((total / perSecond) * 1000 + 1000);
        expect(sender.passed.map(({ message }) => message)).toEqual(Array.from({ length: total }, (_, i) => i));
        for (const { at: first, message: from } of sender.passed) {
          const inSecond = sender.passed.findLast(({ at }) => at <= first + 1000)?.message ?? from;
          expect(inSecond - from + 1).toBeLessThanOrEqual(2 * perSecond);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("is reached by who has more to send", () => {
    const { rates, sumOf } = makeRates({ messagesPerSecondPerConnectionMax: 1000 });
    const sender = makeSender(rates, "t/d");
    sender.send(10_000);
    expect(sender.passed).toHaveLength(1000);
    vi.advanceTimersByTime(5000);
    expect(sender.passed.length).toBeGreaterThan(5900);
    expect(sumOf("millrace_mqtt_paused_total", "connection")).toBeGreaterThan(10);
    expect(sumOf("millrace_mqtt_paused_seconds_total", "connection")).toBeGreaterThan(4.9);
  });
});

test("a rate of bytes lets a message through that is larger than all of it, and then waits for it", () => {
  const { rates } = makeRates({ payloadBytesPerSecondPerConnectionMax: 100 });
  const sender = makeSender(rates, "t/d", 1000);
  sender.send(3);
  vi.advanceTimersByTime(9000);
  expect(sender.passed).toHaveLength(1);
  vi.advanceTimersByTime(11_000);
  expect(sender.passed).toHaveLength(3);
});

describe("the rate of a device", () => {
  test("is one for all its connections, which take turns, and for nobody else", () => {
    const { rates, sumOf } = makeRates({ messagesPerSecondPerDeviceMax: 100 });
    const three = [1, 2, 3].map(() => makeSender(rates, "t/d"));
    const other = makeSender(rates, "t/e");
    for (const sender of three) sender.send(10_000);
    vi.advanceTimersByTime(30_000);
    other.send(100);
    const counts = three.map(({ passed }) => passed.length);
    expect(counts.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(100 + 3000);
    // The first had the burst.
    expect((counts[0] ?? 0) - 100).toBeGreaterThan(900);
    expect(counts[1]).toBeGreaterThan(900);
    expect(counts[2]).toBeGreaterThan(900);
    expect(other.passed).toHaveLength(100);
    expect(sumOf("millrace_mqtt_paused_total", "device")).toBeGreaterThan(0);
  });

  test("outlives its connections: who comes back has no new burst", () => {
    const { rates } = makeRates({ messagesPerSecondPerDeviceMax: 100 });
    const first = makeSender(rates, "t/d");
    first.send(100);
    first.pace?.end();
    const second = makeSender(rates, "t/d");
    second.send(100);
    expect(second.passed).toHaveLength(0);
    vi.advanceTimersByTime(500);
    expect(second.passed.length).toBeLessThanOrEqual(50);
  });

  test("says over HTTP how long to wait, and counts what is sent there", () => {
    const { rates } = makeRates({ messagesPerSecondPerDeviceMax: 2 });
    expect(rates.waitMs("t/d")).toBe(0);
    rates.spend("t/d", 10);
    expect(rates.waitMs("t/d")).toBe(0);
    rates.spend("t/d", 10);
    expect(rates.waitMs("t/d")).toBe(500);
    const sender = makeSender(rates, "t/d");
    sender.send(1);
    expect(sender.passed).toHaveLength(0);
    vi.advanceTimersByTime(500);
    expect(sender.passed).toHaveLength(1);
  });

  test("of bytes is one too, over MQTT and HTTP together", () => {
    const { rates } = makeRates({ payloadBytesPerSecondPerDeviceMax: 1000 });
    rates.spend("t/d", 900);
    const two = [1, 2].map(() => makeSender(rates, "t/d", 100));
    for (const sender of two) sender.send(1000);
    vi.advanceTimersByTime(10_000);
    const bytes = two.reduce((sum, { passed }) => sum + passed.length * 100, 900);
    expect(bytes).toBeLessThan(11_000 + 100);
    expect(bytes).toBeGreaterThan(10_500);
    expect(rates.waitMs("t/d")).toBeLessThan(100);
  });

  test("is remembered of a few devices only that have gone", () => {
    const { rates } = makeRates({ messagesPerSecondPerDeviceMax: 1 });
    for (const device of ["a", "b", "c", "d"]) rates.spend(device, 1);
    expect(["a", "b", "c", "d"].map((device) => rates.waitMs(device) > 0)).toEqual([false, true, true, true]);
  });
});

test("a connection that ends while it is held leaves no timer and no place in the queue", () => {
  const { rates } = makeRates({ messagesPerSecondPerDeviceMax: 1 });
  const first = makeSender(rates, "t/d");
  const second = makeSender(rates, "t/d");
  first.send(2);
  second.send(1);
  first.pace?.end();
  vi.advanceTimersByTime(1000);
  expect(first.passed).toHaveLength(1);
  expect(second.passed).toHaveLength(1);
  second.pace?.end();
  expect(vi.getTimerCount()).toBe(0);
});

test("where no rate has a ceiling there is no pace at all", () => {
  expect(makeRates({}).rates.paceOf("t/d", () => undefined)).toBeNull();
});
