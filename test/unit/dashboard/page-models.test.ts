import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import type { Device } from "../../../core/registry.ts";
import { parseRange, rangeEnd } from "../../../dashboard/web/model/chart-range.ts";
import { toCsv } from "../../../dashboard/web/model/csv.ts";
import { thresholdsOf } from "../../../dashboard/web/model/device-rules.ts";
import { isStale, orderMetrics, orderNames } from "../../../dashboard/web/model/order-metrics.ts";
import { devicePath, parseRoute } from "../../../dashboard/web/model/route.ts";
import { formatDeviceSort, parseDeviceSort, sortDevices } from "../../../dashboard/web/model/sort-devices.ts";

const MINUTE = 60_000;

describe("parseRange and rangeEnd", () => {
  it("read presets and times, and fall back to the first preset", () => {
    expect(parseRange(new URLSearchParams("range=24h"))).toMatchObject({ kind: "preset", name: "24h" });
    expect(parseRange(new URLSearchParams("from=1000&to=2000"))).toEqual({ kind: "custom", from: 1000, to: 2000 });
    for (const bad of ["", "range=2y", "from=2000&to=1000", "from=x&to=9", "from=-5&to=900"]) {
      expect(parseRange(new URLSearchParams(bad))).toMatchObject({ kind: "preset", name: "15m" });
    }
  });

  it("end now, or at the newest reading when its time is not now", () => {
    expect(rangeEnd(100 * MINUTE, null, MINUTE)).toEqual({ end: 100 * MINUTE, isAnchored: false });
    expect(rangeEnd(100 * MINUTE, 99.5 * MINUTE, MINUTE)).toEqual({ end: 100 * MINUTE, isAnchored: false });
    expect(rangeEnd(100 * MINUTE, 5 * MINUTE, MINUTE)).toEqual({ end: 5 * MINUTE, isAnchored: true });
    expect(rangeEnd(100 * MINUTE, 101 * MINUTE, MINUTE)).toEqual({ end: 101 * MINUTE, isAnchored: false });
  });
});

describe("toCsv", () => {
  it("quotes what needs it and disarms formulas", () => {
    const csv = toCsv(
      ["a", "b"],
      [
        [1.5, 'say "hi", you'],
        [null, "=1+1"],
        [-2, true],
      ],
    );
    expect(csv).toBe(`a,b\r\n1.5,"say ""hi"", you"\r\n,'=1+1\r\n-2,true\r\n`);
  });
});

describe("parseRoute", () => {
  it("finds the pages and nothing else", () => {
    expect(parseRoute("/")).toEqual({ page: "overview" });
    expect(parseRoute("/devices/")).toEqual({ page: "devices" });
    expect(parseRoute("/rejects")).toEqual({ page: "rejects" });
    expect(parseRoute("/partitions")).toEqual({ page: "partitions" });
    expect(parseRoute(devicePath("a:b.c"))).toEqual({ page: "device", id: "a:b.c" });
    for (const path of ["/nope", "/alarms/x", "/rejects/x", "/partitions/x", "/devices/%", "/devices/a/b"]) {
      expect(parseRoute(path)).toEqual({ page: "not-found" });
    }
  });
});

describe("sortDevices", () => {
  const device = (id: string, lastSeen: number | null): Device => ({
    tenant: "t",
    id,
    name: "",
    type: null,
    labels: {},
    disabled: false,
    gateway: false,
    provisions: false,
    via: null,
    createdAt: 0,
    lastSeen,
  });
  const devices = [device("pump-10", 3), device("pump-2", null), device("pump-1", 9)];
  const ids = (text: string) => sortDevices(devices, parseDeviceSort(text), (d) => d.lastSeen).map(({ id }) => id);

  it("counts numbers in ids as numbers", () => {
    expect(ids("id")).toEqual(["pump-1", "pump-2", "pump-10"]);
    expect(ids("-id")).toEqual(["pump-10", "pump-2", "pump-1"]);
  });

  it("puts the newest first, and those never seen last", () => {
    expect(ids("-seen")).toEqual(["pump-1", "pump-10", "pump-2"]);
  });

  it("reads back what it writes and ignores what it does not know", () => {
    expect(formatDeviceSort(parseDeviceSort("-type"))).toBe("-type");
    expect(parseDeviceSort("-nonsense")).toMatchObject({ key: "id" });
    expect(parseDeviceSort(null)).toEqual({ key: "id", descending: false });
  });
});

describe("thresholdsOf", () => {
  const condition = { kind: "threshold", metric: "t", op: ">", value: 5 };
  const rule = (change: object) =>
    alarmRuleSchema.parse({ tenant: "t", id: "r", name: "R", severity: "low", condition, ...change });
  const pump = { type: "pump", labels: { site: "north" } };

  it("lists the enabled rules that select the device and the metric", () => {
    expect(thresholdsOf([rule({ select: { type: "pump", labels: { site: "north" } } })], pump, "t")).toHaveLength(1);
  });

  it.each([
    ["another type", { select: { type: "meter" } }, "t"],
    ["another label", { select: { labels: { site: "south" } } }, "t"],
    ["a disabled rule", { enabled: false }, "t"],
    ["another metric", {}, "other"],
    ["a rule without a threshold", { condition: { kind: "no-data", afterMs: 1000 } }, "t"],
  ])("leaves out %s", (_, change, metric) => {
    expect(thresholdsOf([rule(change)], pump, metric)).toEqual([]);
  });
});

describe("orderMetrics", () => {
  it("follows the type, then the alphabet, numbers apart from the rest", () => {
    const type = deviceTypeSchema.parse({ tenant: "t", id: "x", metrics: { b: {}, a: {} } });
    expect(orderMetrics("na\nnb\nnc\nofirmware\nsz\nsy", type)).toEqual({
      numeric: ["b", "a", "c"],
      other: ["firmware"],
      stale: ["y", "z"],
    });
    expect(orderMetrics("", undefined)).toEqual({ numeric: [], other: [], stale: [] });
    expect(orderNames(["c", "a", "b"], type)).toEqual(["b", "a", "c"]);
  });
});

describe("a metric that a device no longer sends", () => {
  const HOUR = 60 * MINUTE;
  const now = 1000 * HOUR;

  it("is stale a day behind the device's newest reading, where the shown range has nothing of it", () => {
    expect(isStale(now - 25 * HOUR, now, now - HOUR)).toBe(true);
    expect(isStale(now - 23 * HOUR, now, now - HOUR)).toBe(false);
  });

  it("has its chart where the range reaches back to it", () => {
    expect(isStale(now - 25 * HOUR, now, now - 7 * 24 * HOUR)).toBe(false);
    expect(isStale(now - 25 * HOUR, now, null)).toBe(false);
  });

  it("is none when the whole device is silent", () => {
    expect(isStale(now - 25 * HOUR, now - 25 * HOUR, now - HOUR)).toBe(false);
    expect(isStale(now - 25 * HOUR, null, now - HOUR)).toBe(false);
  });
});
