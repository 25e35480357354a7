import { describe, expect, it } from "vitest";
import { THIN_SPACE } from "../../../dashboard/web/model/format-number.ts";
import {
  axisLabels,
  clearedAfter,
  createTimeFormat,
  formatAgo,
  formatDuration,
} from "../../../dashboard/web/model/format-time.ts";

const T = Date.UTC(2026, 6, 27, 22, 3, 4, 120);
const utc = createTimeFormat("utc");
const berlin = createTimeFormat("local", "Europe/Berlin");
const thin = (text: string) => text.replaceAll("_", THIN_SPACE);

describe("createTimeFormat", () => {
  it("says only as much as differs from now", () => {
    expect(utc.short(T, T + 1000)).toBe("22:03:04");
    expect(utc.short(T, T + 86_400_000)).toBe("27 Jul 22:03:04");
    expect(utc.short(T, T + 366 * 86_400_000)).toBe("27 Jul 2026 22:03:04");
  });

  it("shows the same moment in the zone that was chosen", () => {
    expect(utc.exact(T)).toBe("2026-07-27 22:03:04.120");
    expect(berlin.exact(T)).toBe("2026-07-28 00:03:04.120");
    expect(utc.zoneName(T)).toBe("UTC");
    expect(berlin.zoneName(T)).toBe("Europe/Berlin, UTC+2");
  });
});

describe("clearedAfter", () => {
  it("says how long an alarm lasted, and of one that ended as it began that it did", () => {
    expect(clearedAfter(180_000)).toMatch(/^cleared after 3.min$/);
    expect(clearedAfter(0)).toBe("cleared at once");
    expect(clearedAfter(1)).toMatch(/^cleared after 1.ms$/);
  });
});

describe("formatDuration and formatAgo", () => {
  it.each([
    [120, "120_ms"],
    [45_900, "45_s"],
    [3 * 60_000 + 59_000, "3_min"],
    [125 * 60_000, "2_h 5_min"],
    [26 * 3_600_000, "1_d 2_h"],
    [40 * 86_400_000, "40_d"],
    [-5, "0_ms"],
  ])("shows %s ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(thin(text));
  });

  it("counts up in whole units", () => {
    expect(formatAgo(900)).toBe("just now");
    expect(formatAgo(59_000)).toBe(thin("59_s ago"));
    expect(formatAgo(3 * 60_000 + 30_000)).toBe(thin("3_min ago"));
    expect(formatAgo(2 * 3_600_000 + 30 * 60_000)).toBe(thin("2_h ago"));
  });
});

describe("axisLabels", () => {
  const midnight = Date.UTC(2026, 6, 27);
  it("names a new day, and says more the finer the steps are", () => {
    const hours = [midnight - 3_600_000, midnight, midnight + 3_600_000];
    expect(axisLabels(hours, utc)).toEqual(["23:00", "27 Jul", "01:00"]);
    expect(axisLabels([T, T + 5000], utc)).toEqual(["22:03:04", "22:03:09"]);
    expect(axisLabels([Date.UTC(2026, 11, 1), Date.UTC(2027, 0, 1)], utc)).toEqual(["Dec 2026", "2027"]);
  });
});
