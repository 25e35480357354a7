import type { SeriesPoint } from "../../../core/history.ts";

const GAP_FACTOR = 3.5;
const GAP_MS_MIN = 2000;
/** Enough to know a rhythm; the median of more says the same and costs more. */
const SAMPLED_INTERVALS = 500;

/** Longer than this between two points is a gap: a few times the usual interval, or of the bucket. */
export function gapLimitMs(points: readonly { readonly ts: number }[], bucketMs: number): number {
  const step = Math.max(1, Math.ceil(points.length / SAMPLED_INTERVALS));
  const intervals: number[] = [];
  for (let i = 1; i < points.length; i += step) {
    intervals.push((points[i]?.ts ?? 0) - (points[i - 1]?.ts ?? 0));
  }
  intervals.sort((a, b) => a - b);
  const median = intervals[intervals.length >> 1] ?? 0;
  return Math.max(GAP_MS_MIN, bucketMs * 1.5, median * GAP_FACTOR);
}

type Column = (number | null)[];
export interface ChartColumns {
  readonly ts: readonly number[];
  readonly value: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}

/** Points as the chart wants them: columns, with an empty row inside every gap so that no line crosses it. */
export function toColumns(points: readonly SeriesPoint[], bucketMs: number): ChartColumns {
  const limit = gapLimitMs(points, bucketMs);
  const ts: number[] = [];
  const value: Column = [];
  const min: Column = [];
  const max: Column = [];
  let last: number | null = null;
  for (const point of points) {
    if (last !== null && point.ts - last > limit) {
      ts.push(last + 1);
      value.push(null);
      min.push(null);
      max.push(null);
    }
    ts.push(point.ts);
    value.push(point.value);
    min.push(point.min);
    max.push(point.max);
    last = point.ts;
  }
  return { ts, value, min, max };
}
