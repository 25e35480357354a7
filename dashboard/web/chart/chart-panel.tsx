import { type ReadonlySignal, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Series, SeriesPoint } from "../../../core/history.ts";
import type { ChartThreshold } from "../model/device-rules.ts";
import { gapLimitMs, toColumns } from "../model/gaps.ts";
import { joinSeries } from "../model/join-series.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import type { SeriesSpan } from "../state/load-series.ts";
import { Icon } from "../ui/icon.tsx";
import type { AlarmSpan } from "./chart-overlays.ts";
import { ChartReadout, CurrentValue, type HoveredPoint } from "./chart-readout.tsx";
import { savePng } from "./save-png.ts";
import type { RedrawScheduler } from "./redraw-scheduler.ts";
import { useSeries } from "./use-series.ts";
import { useTimeChart } from "./use-time-chart.ts";

const NO_HISTORY: Series = { points: [], bucketMs: 0 };

export interface ChartPanelProps {
  readonly device: string;
  readonly metric: string;
  readonly unit: string;
  readonly feed: DeviceFeed;
  /** What is shown now; `from` null is everything there is. */
  readonly span: ReadonlySignal<SeriesSpan>;
  /** Changes when the user picks another range: history is asked again then, not on every tick of the clock. */
  readonly rangeKey: string;
  readonly thresholds: readonly ChartThreshold[];
  readonly alarmSpans: ReadonlySignal<readonly AlarmSpan[]>;
  readonly scheduler: RedrawScheduler;
  onZoom(from: number, to: number): void;
  onReset(): void;
  onHistoryError(code: string | null): void;
}

/** One metric: its value now, and its line from the tables to this moment. */
export function ChartPanel(props: ChartPanelProps) {
  const { device, metric, unit, feed, span, rangeKey, thresholds, alarmSpans, scheduler } = props;
  const box = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLElement>(null);
  const isVisible = useVisible(panel);
  const series = useSeries({ device, metric, feed, isVisible, rangeKey }, () => span.peek());
  const shown = useRef<readonly SeriesPoint[]>([]);
  const columnTs = useRef<readonly number[]>([]);
  const gapMs = useRef(0);
  const hovered = useSignal<HoveredPoint | null>(null);
  const isEmpty = useSignal(false);
  const draw = useRef(() => undefined as void);
  const chart = useTimeChart(box, {
    syncKey: device,
    fromZero: false,
    onZoom: props.onZoom,
    onReset: props.onReset,
    onHover(column) {
      const ts = column === null ? undefined : columnTs.current[column.index];
      if (column === null || ts === undefined) hovered.value = null;
      else if (Math.abs(ts - column.ts) > gapMs.current / 2) hovered.value = { ts: column.ts, point: null };
      else hovered.value = { ts, point: shown.current.find((point) => point.ts === ts) ?? null };
    },
    onReady: () => scheduler.request(draw.current),
  });

  draw.current = useRef(() => {
    const { from, to } = span.peek();
    const history = series.history.peek() ?? NO_HISTORY;
    const points = joinSeries(history, feed.points(metric), from ?? 0, to);
    const columns = toColumns(points, history.bucketMs);
    shown.current = points;
    isEmpty.value = points.length === 0 && !series.isLoading.peek();
    columnTs.current = columns.ts;
    gapMs.current = gapLimitMs(points, history.bucketMs);
    const first = from ?? points[0]?.ts ?? to - 60_000;
    chart.current?.draw({
      columns,
      from: first,
      to: Math.max(to, first + 1),
      thresholds: thresholdsNow.current,
      spans: alarmSpans.peek().filter((alarm) => alarm.metric === null || alarm.metric === metric),
      hasBand: history.bucketMs > 0,
      isBlank: from === null && points.length === 0,
    });
    const last = points.at(-1);
    if (last !== undefined)
      panel.current?.setAttribute("data-last-ts", String(Math.max(last.ts, feed.points(metric).at(-1)?.ts ?? 0)));
    panel.current?.setAttribute("data-points", String(points.length));
  }).current;
  const thresholdsNow = useRef(thresholds);
  thresholdsNow.current = thresholds;

  useSignalEffect(() => {
    void [series.history.value, series.error.value, series.isLoading.value];
    void [span.value, feed.version.value, alarmSpans.value];
    if (isVisibleNow.current) scheduler.request(draw.current);
  });
  const isVisibleNow = useRef(isVisible);
  isVisibleNow.current = isVisible;
  useEffect(() => {
    if (isVisible) scheduler.request(draw.current);
  }, [isVisible, thresholds]);
  useEffect(() => () => scheduler.cancel(draw.current), []);
  const errorCode = series.error.value?.code ?? null;
  useEffect(() => {
    if (!series.isLoading.value) props.onHistoryError(errorCode);
  }, [series.isLoading.value, errorCode]);

  return (
    <section ref={panel} class="chart-panel card" data-testid={`chart-${metric}`} aria-label={`${metric} over time`}>
      <header>
        <h3 title={metric}>
          {metric}
          {unit !== "" && <span class="muted"> {unit}</span>}
        </h3>
        <button
          type="button"
          class="icon-button chart-save"
          aria-label={`Save ${metric} as PNG`}
          title="Save as PNG"
          onClick={() => chart.current && savePng(chart.current.toCanvas(), `${device} ${metric}`)}
        >
          <Icon name="image" />
        </button>
        <CurrentValue feed={feed} metric={metric} unit={unit} />
      </header>
      <ChartReadout
        feed={feed}
        metric={metric}
        unit={unit}
        hovered={hovered}
        isLoading={series.isLoading.value}
        bucketMs={series.history.value?.bucketMs ?? 0}
      />
      <div
        ref={box}
        class="chart-box"
        tabIndex={0}
        role="img"
        aria-label={`Chart of ${metric}. Arrow keys move the cursor.`}
        onKeyDown={(event) => {
          const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          chart.current?.step(by * (event.shiftKey ? 10 : 1));
        }}
      />
      {isEmpty.value && <p class="chart-empty muted">No readings in this range.</p>}
    </section>
  );
}

function useVisible(element: { readonly current: HTMLElement | null }): boolean {
  const [isVisible, setVisible] = useState(false);
  useEffect(() => {
    if (element.current === null) return undefined;
    const observer = new IntersectionObserver((entries) => setVisible(entries.at(-1)?.isIntersecting ?? false), {
      rootMargin: "200px",
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return isVisible;
}
