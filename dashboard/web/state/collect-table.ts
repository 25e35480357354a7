import { LIMITS } from "../../../core/limits.ts";
import type { Series } from "../../../core/history.ts";
import { joinSeries } from "../model/join-series.ts";
import type { ApiClient } from "./api-client.ts";
import type { DeviceFeed } from "./device-feed.ts";
import { loadSeries, type SeriesSpan } from "./load-series.ts";

export interface ReadingsTable {
  readonly metrics: readonly string[];
  /** Oldest first; `values` in the order of `metrics`, null where a metric has nothing at that time. */
  readonly rows: readonly { readonly ts: number; readonly values: readonly (number | null)[] }[];
  /** 0 when the rows are readings, else each is the mean of a bucket this wide. */
  readonly bucketMs: number;
}

/** What the charts show, as one table. Where history cannot be asked it holds what came live. */
export async function collectTable(
  api: ApiClient,
  request: { device: string; feed: DeviceFeed; metrics: readonly string[]; span: SeriesSpan },
): Promise<ReadingsTable> {
  const { device, feed, metrics, span } = request;
  // As of now for all of them: the next reading may come between two answers.
  const live = metrics.map((metric) => [...feed.points(metric)]);
  const rows = new Map<number, (number | null)[]>();
  let bucketMs = 0;
  for (const [column, metric] of metrics.entries()) {
    const history = await loadSeries(
      api,
      { device, metric, points: LIMITS.chartPointsMax },
      span,
      new AbortController().signal,
    ).catch((): Series => ({ points: [], bucketMs: 0 }));
    bucketMs = Math.max(bucketMs, history.bucketMs);
    for (const { ts, value } of joinSeries(history, live[column] ?? [], span.from ?? 0, span.to)) {
      const row = rows.get(ts) ?? metrics.map(() => null);
      row[column] = value;
      rows.set(ts, row);
    }
  }
  const ordered = [...rows].sort(([a], [b]) => a - b).map(([ts, values]) => ({ ts, values }));
  return { metrics, rows: ordered, bucketMs };
}
