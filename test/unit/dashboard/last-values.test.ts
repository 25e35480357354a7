import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Reading } from "../../../core/derived-records.ts";
import { headOf } from "../../support/reading-head.ts";
import { LastValues } from "../../../dashboard/last-values.ts";

const LIMITS = { lastValueDevicesMax: 2, lastValueMetricsPerDeviceMax: 2 };

function reading(device: string, ts: number, metrics: Reading["metrics"], received = ts): Reading {
  return { v: 1, tenant: "t", device, ts, received, metrics };
}

/** False for a device above the ceiling, too. */
function apply(last: LastValues, key: string, one: Reading): boolean | null {
  const entry = last.device(key, one.tenant, one.device);
  return entry === null ? false : last.apply(entry, headOf(one));
}

function valuesOf(last: LastValues, key: string) {
  return JSON.parse(last.json(key) ?? "null");
}

describe("LastValues", () => {
  it("keeps each metric's newest value by event time", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 10, { x: 1, y: 1 }));
    apply(last, "t/a", reading("a", 20, { x: 2 }));
    expect(valuesOf(last, "t/a")).toEqual(["a", 20, { x: [20, 2, 20], y: [10, 1, 10] }]);
  });

  it("lets no older reading overwrite a newer one, but notes that the device spoke", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 20, { x: 2 }, 30));
    expect(apply(last, "t/a", reading("a", 10, { x: 1 }, 40))).toBe(true);
    expect(valuesOf(last, "t/a")).toEqual(["a", 40, { x: [20, 2, 30] }]);
  });

  it("loses nothing that waits when a reading with other metrics comes, or one whose metrics cannot be read", () => {
    const last = new LastValues(LIMITS);
    for (const ts of [1, 2]) apply(last, "t/a", reading("a", ts, { x: ts }));
    const broken = headOf(reading("a", 3, { z: 3 }));
    const entry = last.device("t/a", "t", "a");
    if (entry === null) throw new Error("no entry");
    expect(last.apply(entry, Object.assign(broken, { bytes: Buffer.from("{1}"), start: 0, end: 3 }))).toBeNull();
    apply(last, "t/a", reading("a", 4, { y: 4 }));
    expect(valuesOf(last, "t/a")).toEqual(["a", 4, { x: [2, 2, 2], y: [4, 4, 4] }]);
  });

  it("says that nothing changed when an old record is read again", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 20, { x: 2 }));
    expect(apply(last, "t/a", reading("a", 10, { x: 1 }))).toBe(false);
  });

  it("takes the later arrival among equal event times", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 10, { x: 2 }, 12));
    apply(last, "t/a", reading("a", 10, { x: 1 }, 11));
    expect(valuesOf(last, "t/a")[2]).toEqual({ x: [10, 2, 12] });
  });

  it("makes the text once until the device changes", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 10, { x: "once" }));
    expect(last.json("t/a")).toBe(last.json("t/a"));
    apply(last, "t/a", reading("a", 11, { x: "twice" }));
    expect(last.json("t/a")).toContain("twice");
  });

  it("leaves out devices and metrics above its ceilings", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 10, { x: 1, y: 1, z: 1 }));
    apply(last, "t/b", reading("b", 10, { x: 1 }));
    apply(last, "t/c", reading("c", 10, { x: 1 }));
    expect(Object.keys(valuesOf(last, "t/a")[2])).toEqual(["x", "y"]);
    expect(last.json("t/c")).toBeNull();
  });

  it("keeps tenants apart", () => {
    const last = new LastValues(LIMITS);
    apply(last, "t/a", reading("a", 10, { x: 1 }));
    apply(last, "u/a", { ...reading("a", 10, { x: 2 }), tenant: "u" });
    expect(valuesOf(last, "t/a")[2].x[1]).toBe(1);
    expect(valuesOf(last, "u/a")[2].x[1]).toBe(2);
  });

  it("are those of each value taken by itself, whatever comes when, and whenever somebody asks", () => {
    const metrics = fc.dictionary(fc.constantFrom("x", "y", "constructor"), fc.nat(9), {
      minKeys: 1,
      noNullPrototype: true,
    });
    const steps = fc.record({
      ts: fc.nat(6),
      received: fc.nat(6),
      metrics,
      asks: fc.boolean(),
      forgets: fc.constantFrom(false, false, true),
    });
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 12 }), (all) => {
        const last = new LastValues({ lastValueDevicesMax: 1, lastValueMetricsPerDeviceMax: 3 });
        const wanted = new Map<string, [number, unknown, number]>();
        for (const step of all) {
          const before = JSON.stringify([...wanted]);
          for (const [metric, value] of Object.entries(step.metrics)) {
            const [ts, , received] = wanted.get(metric) ?? [-1, null, -1];
            if (step.ts > ts || (step.ts === ts && step.received >= received)) {
              wanted.set(metric, [step.ts, value, step.received]);
            }
          }
          const changed = apply(last, "t/a", reading("a", step.ts, step.metrics, step.received));
          if (JSON.stringify([...wanted]) !== before) expect(changed).toBe(true);
          if (step.forgets) {
            last.forget("t/a", 2);
            for (const [metric, [, , received]] of wanted) if (received <= 2) wanted.delete(metric);
          }
          if (step.asks || step.forgets) expect(shownOf(last)).toEqual(wanted);
        }
        expect(shownOf(last)).toEqual(wanted);
      }),
    );
  });
});

function shownOf(last: LastValues): ReadonlyMap<string, unknown> {
  const text = last.json("t/a");
  const parsed: unknown = text === null ? {} : JSON.parse(text)[2];
  return new Map(Object.entries(Object(parsed)));
}
