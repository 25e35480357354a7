import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Series } from "../../../core/history.ts";
import { isAbort, toApiError, type ApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import { loadSeries, type SeriesSpan } from "../state/load-series.ts";

const POINTS = 800;
/** By then the tables have what was only in the log when the page opened. */
const SETTLE_MS = 4000;
const REFRESH_MS_MIN = 60_000;

export interface LoadedSeries {
  readonly history: ReadonlySignal<Series | null>;
  readonly error: ReadonlySignal<ApiError | null>;
  /** What is shown of the past is none yet, or that of another range. Asking again now and then is no loading. */
  readonly isLoading: ReadonlySignal<boolean>;
}

/**
 * One metric's history, asked for when the chart comes into view and again when the range changes, when live readings were missed,
 * once when the tables have caught up, and then as often as a bucket is wide.
 */
export function useSeries(
  options: { device: string; metric: string; feed: DeviceFeed; isVisible: boolean; rangeKey: string },
  span: () => SeriesSpan,
): LoadedSeries {
  const { api, live } = useApp();
  const history = useSignal<Series | null>(null);
  const error = useSignal<ApiError | null>(null);
  const isLoading = useSignal(true);
  const { device, metric, feed, isVisible, rangeKey } = options;
  const holes = feed.holes.value;
  const isConnected = live.socket.state.value === "open";
  useEffect(() => {
    if (!isVisible || !isConnected) return undefined;
    const stop = new AbortController();
    let timer = 0;
    const load = async (isFirst: boolean) => {
      let waitMs = isFirst ? SETTLE_MS : REFRESH_MS_MIN;
      try {
        const series = await loadSeries(api, { device, metric, points: POINTS }, span(), stop.signal);
        if (stop.signal.aborted) return;
        history.value = series;
        error.value = null;
        if (!isFirst) waitMs = Math.max(REFRESH_MS_MIN, series.bucketMs);
      } catch (thrown) {
        if (isAbort(thrown) || stop.signal.aborted) return;
        error.value = toApiError(thrown);
      }
      isLoading.value = false;
      timer = window.setTimeout(() => void load(false), waitMs);
    };
    isLoading.value = true;
    void load(true);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [device, metric, rangeKey, holes, isVisible, isConnected]);
  return { history, error, isLoading };
}
