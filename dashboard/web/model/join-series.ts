import type { Series, SeriesPoint } from "../../../core/history.ts";
import { type LivePoint, lowerBound } from "./live-buffer.ts";

/**
 * Joins what the tables know with what came since, so that no seam shows and nothing counts twice.
 *
 * Raw history (bucketMs 0): the union by event time; where both have a time they have the same reading.
 *
 * Down-sampled history: live points make buckets of the same width, and where both have a bucket the one with more readings is nearer
 * to the truth: the tables' where live data began in its middle, the live one where history was asked before the bucket was full.
 */
export function joinSeries(
  history: Series,
  live: readonly LivePoint[],
  from: number,
  to: number,
): readonly SeriesPoint[] {
  const seen = live.slice(lowerBound(live, from), lowerBound(live, to + 1));
  const past = history.points.filter(({ ts }) => ts + history.bucketMs >= from && ts <= to);
  if (seen.length === 0) return past;
  return history.bucketMs === 0 ? joinRaw(past, seen) : joinBuckets(past, seen, history.bucketMs);
}

function joinRaw(past: readonly SeriesPoint[], live: readonly LivePoint[]): readonly SeriesPoint[] {
  const joined: SeriesPoint[] = [];
  let at = 0;
  for (const point of live) {
    while (at < past.length && (past[at]?.ts ?? Infinity) < point.ts) at = copy(past, at, joined);
    if (past[at]?.ts === point.ts) at += 1;
    joined.push(single(point));
  }
  while (at < past.length) at = copy(past, at, joined);
  return joined;
}

function copy(from: readonly SeriesPoint[], index: number, to: SeriesPoint[]): number {
  const point = from[index];
  if (point !== undefined) to.push(point);
  return index + 1;
}

function joinBuckets(
  past: readonly SeriesPoint[],
  live: readonly LivePoint[],
  bucketMs: number,
): readonly SeriesPoint[] {
  const phase = (past[0]?.ts ?? 0) % bucketMs;
  const buckets = new Map(past.map((point) => [point.ts, point]));
  const fresh = new Map<number, SeriesPoint>();
  for (const point of live) {
    const start = Math.floor((point.ts - phase) / bucketMs) * bucketMs + phase;
    fresh.set(start, add(fresh.get(start), point, start));
  }
  for (const [start, bucket] of fresh) {
    if (bucket.count >= (buckets.get(start)?.count ?? 0)) buckets.set(start, bucket);
  }
  return [...buckets.values()].sort((a, b) => a.ts - b.ts);
}

function single({ ts, value }: LivePoint): SeriesPoint {
  return { ts, value, min: value, max: value, count: 1 };
}

function add(bucket: SeriesPoint | undefined, { value }: LivePoint, start: number): SeriesPoint {
  if (bucket === undefined) return { ts: start, value, min: value, max: value, count: 1 };
  const count = bucket.count + 1;
  return {
    ts: start,
    value: bucket.value + (value - bucket.value) / count,
    min: Math.min(bucket.min, value),
    max: Math.max(bucket.max, value),
    count,
  };
}
