import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Reading } from "../../../core/derived-records.ts";
import { headOf } from "../../support/reading-head.ts";
import { type DeviceReadings, RecentReadings } from "../../../dashboard/recent-readings.ts";

const reading = (device: string, ts: number): Reading => ({
  v: 1,
  tenant: "t",
  device,
  ts,
  received: ts,
  metrics: { x: ts },
});
const push = (recent: RecentReadings, key: string, one: Reading) => recent.push(recent.device(key), headOf(one));
const times = (recent: RecentReadings, key: string) => recent.of(key).map(({ ts }) => ts);

describe("RecentReadings", () => {
  it("gives the last readings of a device in order of arrival", () => {
    const recent = new RecentReadings({ recentReadingsPerDeviceMax: 3, recentReadingsMax: 100 });
    for (const ts of [1, 2, 5, 4, 6, 7, 8]) push(recent, "t/a", reading("a", ts));
    expect(times(recent, "t/a")).toEqual([6, 7, 8]);
  });

  it("takes no more memory for readings with long texts, and gives it back", () => {
    const recent = new RecentReadings({ recentReadingsPerDeviceMax: 100, recentReadingsMax: 300 });
    const bytes = (key: string): number => recent.device(key).bytes.length;
    const long = (device: string, ts: number) => ({ ...reading(device, ts), metrics: { x: "y".repeat(50_000) } });
    for (let ts = 1; ts <= 20; ts += 1) for (const device of "abcdef") push(recent, `t/${device}`, long(device, ts));
    expect("abcdef".split("").reduce((sum, device) => sum + bytes(`t/${device}`), 0)).toBeLessThan(1_500_000);
    expect(times(recent, "t/f").at(-1)).toBe(20);
    for (let ts = 21; ts <= 400; ts += 1) push(recent, "t/f", reading("f", ts));
    expect(bytes("t/f")).toBeLessThan(70_000);
    recent.forget("t/e", 1000);
    push(recent, "t/g", reading("g", 1));
    expect(bytes("t/g")).toBeLessThan(70_000);
  });

  it("forgets the device that was quiet longest when there are too many readings", () => {
    const recent = new RecentReadings({ recentReadingsPerDeviceMax: 10, recentReadingsMax: 3 });
    push(recent, "t/a", reading("a", 1));
    push(recent, "t/b", reading("b", 2));
    push(recent, "t/a", reading("a", 3));
    push(recent, "t/a", reading("a", 4));
    expect(times(recent, "t/b")).toEqual([]);
    expect(times(recent, "t/a")).toEqual([1, 3, 4]);
  });

  it("never forgets what has just come, however often all others were used", () => {
    const recent = new RecentReadings({ recentReadingsPerDeviceMax: 10, recentReadingsMax: 4 });
    for (const device of ["a", "b", "a", "b"]) push(recent, `t/${device}`, reading(device, 1));
    push(recent, "t/c", reading("c", 2));
    expect(times(recent, "t/c")).toEqual([2]);
    expect(times(recent, "t/a")).toEqual([]);
  });

  it("knows nothing of a device that it was told to forget", () => {
    const recent = new RecentReadings({ recentReadingsPerDeviceMax: 10, recentReadingsMax: 10 });
    push(recent, "t/a", reading("a", 1));
    recent.forget("t/a", 1);
    expect(times(recent, "t/a")).toEqual([]);
  });

  it("keeps what was received later when it is told to forget, and goes on with it", () => {
    const recent = new RecentReadings({ recentReadingsPerDeviceMax: 10, recentReadingsMax: 4 });
    for (const ts of [1, 2, 3]) push(recent, "t/a", reading("a", ts));
    recent.forget("t/a", 2);
    expect(recent.of("t/a")).toEqual([{ ts: 3, received: 3, metrics: '{"x":3}' }]);
    for (const ts of [4, 5, 6]) push(recent, "t/a", reading("a", ts));
    expect(times(recent, "t/a")).toEqual([3, 4, 5, 6]);
    push(recent, "t/b", reading("b", 1));
    expect(times(recent, "t/b")).toEqual([1]);
  });

  it("gives back each device's own last readings, as they came, however many come, go and come again", () => {
    const device = fc.constantFrom("a", "b", "c", "d", "e");
    const pushes = fc.array(fc.record({ device, text: fc.string({ unit: "grapheme", maxLength: 9 }) }), {
      maxLength: 90,
    });
    fc.assert(
      fc.property(pushes, (all) => {
        const recent = new RecentReadings({ recentReadingsPerDeviceMax: 3, recentReadingsMax: 7 });
        const places = new Map<string, DeviceReadings>();
        const came = new Map<string, string[]>();
        for (const [ts, { device, text }] of all.entries()) {
          const place = places.get(device) ?? recent.device(device);
          places.set(device, place);
          recent.push(place, headOf({ ...reading(device, ts), metrics: { text } }));
          came.set(device, [...(came.get(device) ?? []), JSON.stringify({ text })]);
          expect(recent.of(device).at(-1)).toEqual({ ts, received: ts, metrics: JSON.stringify({ text }) });
          const held = [...came.keys()].map((key) => recent.of(key).map(({ metrics }) => metrics));
          for (const [at, key] of [...came.keys()].entries()) {
            const own = held[at] ?? [];
            expect(own).toEqual(own.length === 0 ? [] : came.get(key)?.slice(-own.length));
          }
          expect(held.flat().length).toBeLessThanOrEqual(7);
        }
      }),
    );
  });
});
