import { useComputed, useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import type { DeviceType } from "../../../core/device-type.ts";
import type { Device } from "../../../core/registry.ts";
import { ChartPanel } from "../chart/chart-panel.tsx";
import type { AlarmSpan } from "../chart/chart-overlays.ts";
import { createRedrawScheduler } from "../chart/redraw-scheduler.ts";
import { type ChartRange, parseRange, rangeEnd } from "../model/chart-range.ts";
import { thresholdsOf } from "../model/device-rules.ts";
import { isStale, orderMetrics } from "../model/order-metrics.ts";
import { type AppState, useApp } from "../state/app-state.ts";
import type { DeviceFeed, LatestValue } from "../state/device-feed.ts";
import type { SeriesSpan } from "../state/load-series.ts";
import { EmptyState } from "../ui/notices.tsx";
import { ChartNotices } from "./chart-notices.tsx";
import { ChartToolbar } from "./chart-toolbar.tsx";
import { OtherValues } from "./other-values.tsx";

/** Every metric of the device over one shared range. */
export function DeviceCharts({
  device,
  feed,
  latestError,
}: {
  device: Device;
  feed: DeviceFeed;
  /** Why the tables could not be asked a moment ago: until a chart has asked them itself, the best that is known. */
  latestError: string | null;
}) {
  const app = useApp();
  const scheduler = useMemo(createRedrawScheduler, []);
  const range = parseRange(app.router.query.value);
  const rangeKey = range.kind === "custom" ? `${range.from}-${range.to}` : range.name;
  const shownRange = useSignal<ChartRange>(range);
  shownRange.value = range;
  const anchor = useComputed(() => shownEnd(shownRange.value, app, feed));
  const span = useComputed((): SeriesSpan => spanOf(shownRange.value, anchor.value.end));
  const alarmSpans = useComputed(() => alarmSpansOf(app, device.id));
  const [historyError, setHistoryError] = useState(latestError);
  const isAnchored = useComputed(() => anchor.value.isAnchored);
  const typeNow = () => app.types.value.find(({ id }) => id === device.type);
  const type = typeNow();
  const markOf = (name: string, { ts, value }: LatestValue): string => {
    if (typeof value !== "number" || isBoolean(typeNow(), name)) return "o";
    return isStale(ts, feed.newestTs.value, span.value.from) ? "s" : "n";
  };
  const names = useComputed(() =>
    [...feed.latest.value]
      .map(([name, latest]) => markOf(name, latest) + name)
      .sort()
      .join("\n"),
  );
  const { numeric, other, stale } = useMemo(() => orderMetrics(names.value, type), [names.value, type]);
  const zoom = (from: number, to: number) =>
    app.router.setQuery({ from: String(from), to: String(to) }, { push: true });
  const reset = () => app.router.setQuery({ from: null, to: null });
  return (
    <>
      <ChartToolbar device={device} feed={feed} range={range} span={span} metrics={numeric} />
      <ChartNotices isAnchored={isAnchored} newestTs={feed.newestTs} historyError={historyError} />
      {numeric.length + other.length + stale.length === 0 && (
        <EmptyState title="No readings yet.">
          <p>
            The charts begin with the first message from {device.id}. If its token is lost,{" "}
            <code>millrace devices rotate {device.id}</code> prints a new one.
          </p>
        </EmptyState>
      )}
      <div class="chart-grid">
        {numeric.map((metric) => (
          <ChartPanel
            key={metric}
            device={device.id}
            metric={metric}
            unit={app.unitOf.value(device.type, metric)}
            feed={feed}
            span={span}
            rangeKey={rangeKey}
            thresholds={thresholdsOf(app.rules.value, device, metric)}
            alarmSpans={alarmSpans}
            scheduler={scheduler}
            onZoom={zoom}
            onReset={reset}
            onHistoryError={setHistoryError}
          />
        ))}
      </div>
      <OtherValues title="Other values" feed={feed} metrics={other} unitOf={() => ""} />
      <OtherValues
        title="Last seen long ago"
        feed={feed}
        metrics={stale}
        unitOf={(metric) => app.unitOf.value(device.type, metric)}
        isStale
      />
    </>
  );
}

/** By its type: the tables keep a boolean as 0 or 1. */
function isBoolean(type: DeviceType | undefined, metric: string): boolean {
  return type?.metrics[metric]?.kind === "boolean";
}

function shownEnd(range: ChartRange, { clock }: AppState, feed: DeviceFeed): { end: number; isAnchored: boolean } {
  if (range.kind === "custom") return { end: range.to, isAnchored: false };
  const now = clock.now.value;
  if (range.widthMs === null) return { end: feed.newestTs.value ?? now, isAnchored: false };
  return rangeEnd(now, feed.newestTs.value, range.widthMs);
}

function spanOf(range: ChartRange, end: number): SeriesSpan {
  if (range.kind === "custom") return { from: range.from, to: range.to };
  return { from: range.widthMs === null ? null : end - range.widthMs, to: end + 1 };
}

function alarmSpansOf({ alarms }: AppState, device: string): readonly AlarmSpan[] {
  return [...alarms.all.value.values()]
    .filter((alarm) => alarm.device === device)
    .map(({ raisedAt, clearedAt, severity, metric }) => ({ from: raisedAt, to: clearedAt, severity, metric }));
}
