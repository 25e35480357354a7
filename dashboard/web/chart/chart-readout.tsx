import { type ReadonlySignal } from "@preact/signals";
import type { SeriesPoint } from "../../../core/history.ts";
import { formatCount, formatExact, formatMetric, formatValue, withUnit } from "../model/format-number.ts";
import { formatAgo, formatDuration } from "../model/format-time.ts";
import { lowerBound } from "../model/live-buffer.ts";
import { useApp } from "../state/app-state.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import { TimeText } from "../ui/time-text.tsx";

/** The reading under the cursor, or that there is none at that time. */
export interface HoveredPoint {
  readonly ts: number;
  readonly point: SeriesPoint | null;
}

/** Between event and receive time: more than this is worth a word. */
const LATE_MS = 60_000;

interface ReadoutProps {
  readonly feed: DeviceFeed;
  readonly metric: string;
  readonly unit: string;
}

/** The newest value, dimmed when it is old. */
export function CurrentValue({ feed, metric, unit }: ReadoutProps) {
  const { live, clock } = useApp();
  const latest = feed.latest.value.get(metric);
  if (latest === undefined) return <output class="current-value number">–</output>;
  const isStale = clock.now.value - (latest.received ?? latest.ts) > live.staleAfterMs.value;
  return (
    <output class={`current-value number${isStale ? " is-stale" : ""}`}>{formatMetric(latest.value, unit)}</output>
  );
}

/** What is under the cursor: exact value, event time and, where it is known, receive time. Without cursor: how old the value is. */
export function ChartReadout({
  feed,
  metric,
  unit,
  hovered,
  isLoading,
  bucketMs,
}: ReadoutProps & { hovered: ReadonlySignal<HoveredPoint | null>; isLoading: boolean; bucketMs: number }) {
  const { settings } = useApp();
  const cursor = hovered.value;
  if (cursor === null) {
    return (
      <p class="chart-readout muted">
        <NewestAge feed={feed} metric={metric} />
        {isLoading && <span class="chart-loading">history is loading…</span>}
        {bucketMs > 0 && <span>mean and range per {formatDuration(bucketMs)}</span>}
      </p>
    );
  }
  const { point } = cursor;
  if (point === null) {
    return (
      <p class="chart-readout number muted">
        <span>no reading</span>
        <span>{settings.time.value.exact(Math.round(cursor.ts))}</span>
      </p>
    );
  }
  const received = receivedAt(feed, metric, point.ts);
  return (
    <p class="chart-readout number">
      <strong>{withUnit(formatExact(roundOff(point.value)), unit)}</strong>
      {point.count > 1 && (
        <span>
          {formatValue(point.min)}…{formatValue(point.max)}, {formatCount(point.count)} readings
        </span>
      )}
      <span>{settings.time.value.exact(point.ts)}</span>
      {received !== null && <span>received {describeDelay(received - point.ts)}</span>}
    </p>
  );
}

function NewestAge({ feed, metric }: { feed: DeviceFeed; metric: string }) {
  const { clock } = useApp();
  const latest = feed.latest.value.get(metric);
  if (latest === undefined) return <span>no value yet</span>;
  const { ts, received } = latest;
  if (received !== null && received - ts < LATE_MS) return <span>{formatAgo(clock.now.value - received)}</span>;
  // Replayed or uploaded late: how old the value is and when it came are different things.
  return (
    <>
      <span>
        <TimeText ts={ts} />
      </span>
      {received !== null && <span>received {formatAgo(clock.now.value - received)}</span>}
    </>
  );
}

function receivedAt(feed: DeviceFeed, metric: string, ts: number): number | null {
  const points = feed.points(metric);
  const point = points[lowerBound(points, ts)];
  return point?.ts === ts ? point.received : null;
}

function describeDelay(ms: number): string {
  if (ms === 0) return "at the same time";
  return ms > 0 ? `${formatDuration(ms)} later` : `${formatDuration(-ms)} earlier`;
}

/** A mean has digits that nobody measured. */
function roundOff(value: number): number {
  return Number(value.toPrecision(8));
}
