import { describe, expect, it } from "vitest";
import { countPace, DevicePaces } from "../../../dashboard/device-paces.ts";
import { headOf } from "../../support/reading-head.ts";
import type { Reading } from "../../../core/derived-records.ts";

const T0 = 1_800_000_000_000;
const SECOND = 1000;

function reading(device: string, received: number, more: Partial<Reading> = {}): Reading {
  return { v: 1, tenant: "acme", device, ts: received, received, metrics: { t: 1 }, ...more };
}

function count(paces: DevicePaces, one: Reading, isOld: boolean): void {
  const pace = paces.of(one.device);
  if (pace !== null) countPace(pace, headOf(one), isOld);
}

function paced(received: readonly number[], more: Partial<Reading> = {}, isOld = false) {
  const paces = new DevicePaces(10);
  for (const at of received) count(paces, reading("pump", T0 + at, more), isOld);
  const [pace] = [...paces.all()];
  return pace;
}

const every = (ms: number, count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n * ms);

describe("the pace of a device", () => {
  it("is the usual time between two of its messages, once some have come", () => {
    expect(paced(every(10 * SECOND, 3))).toMatchObject({ intervalMs: null, received: T0 + 20 * SECOND });
    expect(paced(every(10 * SECOND, 4))).toMatchObject({ intervalMs: 10 * SECOND });
    expect(paced(every(10 * SECOND, 400))?.intervalMs).toBeCloseTo(10 * SECOND, 6);
  });

  it("follows a device that reports at another pace from now on", () => {
    const pace = paced([...every(10 * SECOND, 20), ...every(60 * SECOND, 60, 250 * SECOND)]);
    expect(pace?.intervalMs).toBeGreaterThan(55 * SECOND);
  });

  it("is not changed by one outage, nor by the backlog that comes after it", () => {
    const outage = 10 * 3600 * SECOND;
    const backlog = every(2, 1000, 200 * SECOND + outage);
    const pace = paced([...every(10 * SECOND, 20), ...backlog]);
    expect(pace?.intervalMs).toBeGreaterThan(8 * SECOND);
    expect(pace?.intervalMs).toBeLessThan(15 * SECOND);
  });

  it("is learned from records of before the start too, while newer ones are read beside them", () => {
    const paces = new DevicePaces(10);
    for (const at of every(10 * SECOND, 4)) {
      // Two alone would say nothing.
      if (at < 20 * SECOND) count(paces, reading("pump", T0 + 1000 * SECOND + at), false);
      count(paces, reading("pump", T0 + at), true);
    }
    expect([...paces.all()]).toEqual([
      { device: "pump", received: T0 + 1010 * SECOND, intervalMs: 10 * SECOND, delayMs: 0 },
    ]);
  });

  it("knows how long readings are under way, of those alone that the device dated", () => {
    expect(paced([0], { ts: T0 - 5 * SECOND })?.delayMs).toBe(5 * SECOND);
    expect(paced([0], { tsFromReceive: true })?.delayMs).toBeNull();
    // Its clock is ahead.
    expect(paced([0], { ts: T0 + 5 * SECOND })?.delayMs).toBe(0);
  });

  it("takes none above the ceiling, and has room when one is forgotten", () => {
    const paces = new DevicePaces(2);
    for (const device of ["a", "b", "c"]) count(paces, reading(device, T0), false);
    expect([...paces.all()].map(({ device }) => device)).toEqual(["a", "b"]);
    paces.forget("a");
    count(paces, reading("__proto__", T0), false);
    expect([...paces.all()].map(({ device }) => device)).toEqual(["b", "__proto__"]);
  });
});
