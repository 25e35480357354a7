import { describe, expect, it } from "vitest";
import type { SeriesPoint } from "../../../core/history.ts";
import { joinSeries } from "../../../dashboard/web/model/join-series.ts";
import type { LivePoint } from "../../../dashboard/web/model/live-buffer.ts";

const raw = (ts: number, value = ts): SeriesPoint => ({ ts, value, min: value, max: value, count: 1 });
const live = (ts: number, value = ts): LivePoint => ({ ts, value, received: ts + 5 });
const bucket = (ts: number, value: number, count: number): SeriesPoint => ({
  ts,
  value,
  min: value - 1,
  max: value + 1,
  count,
});

describe("joinSeries of raw history", () => {
  it("shows a reading that both know once", () => {
    const joined = joinSeries({ points: [raw(1), raw(2), raw(3)], bucketMs: 0 }, [live(2), live(3), live(4)], 0, 10);
    expect(joined.map(({ ts }) => ts)).toEqual([1, 2, 3, 4]);
  });

  it("fills what the tables have only now with history, in order", () => {
    const joined = joinSeries({ points: [raw(1), raw(3), raw(6)], bucketMs: 0 }, [live(2), live(5)], 0, 10);
    expect(joined.map(({ ts }) => ts)).toEqual([1, 2, 3, 5, 6]);
  });

  it("leaves out what lies outside of the range, and keeps its ends", () => {
    const joined = joinSeries({ points: [raw(1), raw(5)], bucketMs: 0 }, [live(4), live(9), live(10)], 4, 9);
    expect(joined.map(({ ts }) => ts)).toEqual([4, 5, 9]);
  });

  it("is history alone without live data, and live data alone without history", () => {
    expect(joinSeries({ points: [raw(1)], bucketMs: 0 }, [], 0, 10)).toEqual([raw(1)]);
    expect(joinSeries({ points: [], bucketMs: 0 }, [live(1)], 0, 10)).toEqual([raw(1)]);
  });
});

describe("joinSeries of down-sampled history", () => {
  const history = { points: [bucket(0, 10, 10), bucket(10, 20, 6)], bucketMs: 10 };

  it("makes buckets of the same width from live points", () => {
    const joined = joinSeries(history, [live(21, 1), live(25, 5), live(31, 7)], 0, 40);
    expect(joined.slice(2)).toEqual([
      { ts: 20, value: 3, min: 1, max: 5, count: 2 },
      { ts: 30, value: 7, min: 7, max: 7, count: 1 },
    ]);
  });

  it("keeps the tables' bucket in which live data began", () => {
    expect(joinSeries(history, [live(18, 99), live(19, 99)], 0, 40)[1]).toEqual(bucket(10, 20, 6));
  });

  it("takes the live bucket when it has more readings than the tables had when they were asked", () => {
    const points = Array.from({ length: 8 }, (_, i) => live(10 + i, 4));
    expect(joinSeries(history, points, 0, 40)[1]).toEqual({ ts: 10, value: 4, min: 4, max: 4, count: 8 });
  });

  it("keeps to the phase of the tables' buckets", () => {
    const shifted = { points: [bucket(3, 1, 5)], bucketMs: 10 };
    expect(joinSeries(shifted, [live(14)], 0, 40).map(({ ts }) => ts)).toEqual([3, 13]);
  });
});
