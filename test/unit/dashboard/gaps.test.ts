import { describe, expect, it } from "vitest";
import { gapLimitMs, toColumns } from "../../../dashboard/web/model/gaps.ts";

const at = (...times: number[]) => times.map((ts) => ({ ts, value: 1, min: 0, max: 2, count: 1 }));
const rhythm = (from: number, count: number, step: number) => Array.from({ length: count }, (_, i) => from + i * step);

describe("toColumns", () => {
  it("puts an empty row into a gap, so that no line crosses it", () => {
    const columns = toColumns(at(...rhythm(0, 10, 1000), ...rhythm(60_000, 10, 1000)), 0);
    expect(columns.value.filter((value) => value === null)).toHaveLength(1);
    const gap = columns.value.indexOf(null);
    expect([columns.ts[gap - 1], columns.ts[gap], columns.ts[gap + 1]]).toEqual([9000, 9001, 60_000]);
    expect([columns.min[gap], columns.max[gap]]).toEqual([null, null]);
  });

  it("joins points that keep a slow rhythm, and a single one that was lost", () => {
    const columns = toColumns(at(...rhythm(0, 10, 3_600_000), ...rhythm(11 * 3_600_000, 10, 3_600_000)), 0);
    expect(columns.value).not.toContain(null);
  });

  it("sees an empty bucket as a gap only when two are missing", () => {
    expect(toColumns(at(0, 10_000, 20_000), 10_000).value).not.toContain(null);
    expect(toColumns(at(0, 10_000, 60_000, 70_000, 80_000), 10_000).value).toContain(null);
  });

  it("makes nothing of nothing", () => {
    expect(toColumns([], 0)).toEqual({ ts: [], value: [], min: [], max: [] });
  });
});

describe("gapLimitMs", () => {
  it("is never shorter than two seconds, so that network jitter tears no line", () => {
    expect(gapLimitMs(at(0, 10, 20), 0)).toBe(2000);
  });
});
