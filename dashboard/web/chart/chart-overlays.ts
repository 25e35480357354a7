import type uPlot from "uplot";
import type { Severity } from "../../../core/alarm-rule.ts";
import type { ChartThreshold } from "../model/device-rules.ts";
import { formatExact } from "../model/format-number.ts";
import type { ChartColors } from "./chart-colors.ts";

const OP_SIGNS: Readonly<Record<ChartThreshold["op"], string>> = { ">": ">", ">=": "≥", "<": "<", "<=": "≤" };

/** An alarm's time on the chart; `to` null while it is active. */
export interface AlarmSpan {
  readonly from: number;
  readonly to: number | null;
  readonly severity: Severity;
  /** Null when it concerns the device as a whole. */
  readonly metric: string | null;
}

/** Alarm times behind the line: a wash over the chart and a bar along its top. */
export function drawSpans(u: uPlot, spans: readonly AlarmSpan[], colors: ChartColors): void {
  const { ctx, bbox } = u;
  const { min, max } = u.scales["x"] ?? {};
  if (min === undefined || max === undefined) return;
  ctx.save();
  for (const { from, to, severity } of spans) {
    if (from > max || (to !== null && to < min)) continue;
    const left = Math.max(bbox.left, u.valToPos(Math.max(from, min), "x", true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(Math.min(to ?? max, max), "x", true));
    const width = Math.max(2 * devicePixelRatio, right - left);
    ctx.fillStyle = colors.severity[severity];
    ctx.globalAlpha = 0.1;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, bbox.top, width, 3 * devicePixelRatio);
  }
  ctx.restore();
}

/** Thresholds as dashed lines with what they are; those outside of the axis say at its edge where they would be. */
export function drawThresholds(u: uPlot, thresholds: readonly ChartThreshold[], colors: ChartColors): void {
  const { ctx, bbox } = u;
  const { min, max } = u.scales["y"] ?? {};
  if (min === undefined || max === undefined) return;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  for (const { value, op, severity } of thresholds) {
    const isInside = value >= min && value <= max;
    const isAbove = value > max;
    const y = isInside ? u.valToPos(value, "y", true) : isAbove ? bbox.top : bbox.top + bbox.height;
    ctx.strokeStyle = ctx.fillStyle = colors.severity[severity];
    if (isInside) {
      ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    const arrow = isInside ? "" : isAbove ? "↑ " : "↓ ";
    const below = isAbove || y - bbox.top < 16 * devicePixelRatio;
    ctx.textBaseline = below ? "top" : "bottom";
    const gap = (below ? 5 : -3) * devicePixelRatio;
    const text = `${arrow}${OP_SIGNS[op]} ${formatExact(value)} ${severity}`;
    const right = bbox.left + bbox.width - 4 * devicePixelRatio;
    // A rim in the background's colour keeps the text readable over the line.
    ctx.setLineDash([]);
    ctx.lineWidth = 3 * devicePixelRatio;
    ctx.strokeStyle = colors.surface;
    ctx.strokeText(text, right, y + gap);
    ctx.fillText(text, right, y + gap);
  }
  ctx.restore();
}

/** The axis holds the data with some air, and a threshold when it is near; never a zero that nothing was measured at. */
export function valueRange(
  dataMin: number | null,
  dataMax: number | null,
  thresholds: readonly ChartThreshold[],
): [number, number] {
  if (dataMin === null || dataMax === null || !Number.isFinite(dataMin) || !Number.isFinite(dataMax)) return [0, 1];
  const span = dataMax - dataMin || Math.abs(dataMax) * 0.1 || 1;
  let [low, high] = [dataMin, dataMax];
  for (const { value } of thresholds) {
    if (value >= dataMin - span * 0.6 && value <= dataMax + span * 0.6) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const air = (high - low || span) * 0.1;
  return [low - air, high + air];
}
