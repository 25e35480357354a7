import type { Severity } from "../../../core/alarm-rule.ts";

export interface ChartColors {
  readonly line: string;
  readonly band: string;
  readonly grid: string;
  readonly text: string;
  readonly surface: string;
  readonly severity: Readonly<Record<Severity, string>>;
}

/** The theme's colours, for the canvas. */
export function readChartColors(): ChartColors {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  return {
    line: color("--chart-line"),
    band: color("--chart-band"),
    grid: color("--chart-grid"),
    text: color("--text-muted"),
    surface: color("--surface"),
    severity: {
      critical: color("--critical"),
      high: color("--high"),
      medium: color("--medium"),
      low: color("--low"),
    },
  };
}
