import type { Series } from "../../../core/history.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { ApiClient, SeriesRequest } from "./api-client.ts";

const NARROWINGS = 4;

/** Event times of what a chart shows; `from` null is everything there is. */
export interface SeriesSpan {
  readonly from: number | null;
  readonly to: number;
}

/**
 * One metric's history. Everything there is may be minutes or years: it is asked for coarsely first and then again within what was
 * found, until the points fill the range.
 */
export async function loadSeries(
  api: ApiClient,
  request: Omit<SeriesRequest, "from" | "to">,
  span: SeriesSpan,
  signal: AbortSignal,
): Promise<Series> {
  if (span.from !== null) return api.series({ ...request, from: span.from, to: span.to }, signal);
  let from = Math.max(0, span.to - LIMITS.queryRangeMsMax);
  let to = span.to;
  let series = await api.series({ ...request, from, to }, signal);
  for (let i = 0; i < NARROWINGS && series.bucketMs > 0; i += 1) {
    const first = series.points[0]?.ts;
    const last = series.points.at(-1)?.ts;
    if (first === undefined || last === undefined) break;
    const end = Math.min(to, last + series.bucketMs);
    if (end - first > (to - from) * 0.5) break;
    [from, to] = [Math.max(from, first), end];
    series = await api.series({ ...request, from, to }, signal);
  }
  return series;
}
