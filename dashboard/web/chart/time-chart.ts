import uPlot from "uplot";
import type { ChartColumns } from "../model/gaps.ts";
import type { ChartThreshold } from "../model/device-rules.ts";
import { formatTicks } from "../model/format-number.ts";
import { axisLabels, type TimeFormat } from "../model/format-time.ts";
import type { ChartColors } from "./chart-colors.ts";
import { type AlarmSpan, drawSpans, drawThresholds, valueRange } from "./chart-overlays.ts";

const AXIS_FONT = "11px system-ui, -apple-system, 'Segoe UI', sans-serif";

export interface TimeChartView {
  readonly columns: ChartColumns;
  readonly from: number;
  readonly to: number;
  readonly thresholds: readonly ChartThreshold[];
  readonly spans: readonly AlarmSpan[];
  /** True when points stand for many readings: their extremes are drawn as a band. */
  readonly hasBand: boolean;
  /** True while not even the range is known. */
  readonly isBlank?: boolean;
}

export interface TimeChartOptions {
  /** Its size in the page is the chart's. */
  readonly element: HTMLElement;
  readonly colors: ChartColors;
  readonly time: TimeFormat;
  readonly isUtc: boolean;
  /** Charts of one key share their cursor. */
  readonly syncKey: string;
  /** For rates: the axis begins at zero, which is a real value there. */
  readonly fromZero: boolean;
  onZoom?(from: number, to: number): void;
  onReset?(): void;
  /** Index of the nearest column and the time under the cursor; null when the cursor left. */
  onHover(hovered: HoveredColumn | null): void;
}

export interface HoveredColumn {
  readonly index: number;
  readonly ts: number;
}

export interface TimeChart {
  draw(view: TimeChartView): void;
  /** Fits it to its element. */
  resize(): void;
  /** Moves the cursor by points, for the keyboard. */
  step(by: number): void;
  toCanvas(): HTMLCanvasElement;
  destroy(): void;
}

const EMPTY: TimeChartView = {
  columns: { ts: [], value: [], min: [], max: [] },
  from: 0,
  to: 1,
  thresholds: [],
  spans: [],
  hasBand: false,
};

/** One metric over time on uPlot: mean line, band of extremes, gaps, alarms, thresholds. */
export function createTimeChart(options: TimeChartOptions): TimeChart {
  const { element, colors } = options;
  let view = EMPTY;
  const hasPoints = () => view.columns.ts.length > 0;
  const chart = new uPlot(
    {
      ...plotOptions(options, hasPoints, () => view.isBlank !== true),
      scales: {
        x: { time: true, range: () => [view.from, view.to] },
        y: {
          range: (_, min, max) => {
            return options.fromZero ? [0, Math.max(1, (max ?? 0) * 1.1)] : valueRange(min, max, view.thresholds);
          },
        },
      },
      hooks: {
        drawClear: [(u) => view.isBlank !== true && drawSpans(u, view.spans, colors)],
        draw: [(u) => hasPoints() && drawThresholds(u, view.thresholds, colors)],
        setCursor: [(u) => options.onHover(hoveredColumn(u))],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width > 4)
              options.onZoom?.(Math.round(u.posToVal(left, "x")), Math.round(u.posToVal(left + width, "x")));
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
    },
    [[], [], [], []],
    element,
  );
  return {
    draw(next) {
      view = next;
      const { ts, value, min, max } = next.columns;
      const blank = next.hasBand ? null : ts.map(() => null);
      chart.setData([[...ts], [...value], [...(blank ?? min)], [...(blank ?? max)]]);
    },
    resize: () => chart.setSize(sizeOf(element)),
    step(by) {
      const { ts } = view.columns;
      const index = Math.min(ts.length - 1, Math.max(0, (chart.cursor.idx ?? ts.length - 1) + by));
      const at = ts[index];
      if (at !== undefined) chart.setCursor({ left: chart.valToPos(at, "x"), top: element.clientHeight / 3 });
    },
    toCanvas: () => chart.ctx.canvas,
    destroy: () => chart.destroy(),
  };
}

function plotOptions(options: TimeChartOptions, hasPoints: () => boolean, hasSpan: () => boolean): uPlot.Options {
  const { element, colors, time, isUtc, syncKey, onZoom, onReset } = options;
  const grid = { stroke: colors.grid, width: 1 };
  const axis = { font: AXIS_FONT, stroke: colors.text, grid, ticks: { ...grid, size: 4 } };
  return {
    ...sizeOf(element),
    ms: 1,
    padding: [8, 22, 0, 0],
    legend: { show: false },
    tzDate: (ts) => (isUtc ? uPlot.tzDate(new Date(ts), "Etc/UTC") : new Date(ts)),
    cursor: {
      sync: { key: syncKey },
      // Only the mean gets a point: the band's edges are no readings.
      points: {
        size: (_, series) => (series === 1 ? 7 : 0),
        width: (_, series) => (series === 1 ? 2 : 0),
        fill: colors.surface,
        stroke: colors.line,
      },
      drag: { x: onZoom !== undefined, y: false, setScale: false },
      bind: {
        dblclick: () => () => {
          onReset?.();
          return null;
        },
      },
    },
    axes: [
      {
        ...axis,
        space: 60,
        size: 28,
        values: (_, splits) => (hasSpan() ? [...axisLabels(splits, time)] : splits.map(() => "")),
      },
      {
        ...axis,
        space: 30,
        size: (_, values) => 16 + 6.4 * Math.max(4, ...(values ?? []).map((text) => String(text).length)),
        // Without a point there is no scale: made up numbers would be read as measured ones.
        values: (_, splits, _axis, _space, step) =>
          hasPoints() ? [...formatTicks(splits, step)] : splits.map(() => ""),
      },
    ],
    series: [
      {},
      {
        stroke: colors.line,
        width: 1.5,
        points: { show: true, size: 3.5, fill: colors.line, width: 0, filter: lonelyPoints },
      },
      { stroke: "transparent", width: 0, points: { show: false } },
      { stroke: "transparent", width: 0, points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: colors.band }],
  };
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement): { width: number; height: number } {
  return { width: Math.max(120, clientWidth), height: Math.max(80, clientHeight) };
}

function hoveredColumn(u: uPlot): HoveredColumn | null {
  const { left, idx } = u.cursor;
  if (left === undefined || left < 0 || idx == null) return null;
  return { index: idx, ts: u.posToVal(left, "x") };
}

/** Points without a neighbour have no line and would be invisible. */
const lonelyPoints: uPlot.Series.Points.Filter = (u, series) => {
  const values = u.data[series];
  const lonely: number[] = [];
  values?.forEach((value, i) => {
    if (value != null && values[i - 1] == null && values[i + 1] == null) lonely.push(i);
  });
  return lonely;
};
