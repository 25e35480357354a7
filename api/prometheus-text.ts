import type { MetricSample } from "../core/metrics.ts";

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Prometheus' text exposition format 0.0.4. One family stands together under one HELP and TYPE, and one series stands once: a scrape
 * with a repeated series is refused as a whole. Of repeated counters (threads) the sum counts, of repeated gauges the last.
 */
export function prometheusText(samples: readonly MetricSample[]): string {
  const families = new Map<string, { readonly head: MetricSample; readonly series: Map<string, number> }>();
  for (const sample of samples) {
    const family = families.get(sample.name) ?? { head: sample, series: new Map<string, number>() };
    families.set(sample.name, family);
    const labels = labelText(sample.labels);
    const before = family.head.type === "counter" ? (family.series.get(labels) ?? 0) : 0;
    family.series.set(labels, before + sample.value);
  }
  const lines: string[] = [];
  for (const name of [...families.keys()].toSorted()) {
    const family = families.get(name);
    if (!family) continue;
    lines.push(`# HELP ${name} ${escapeHelp(family.head.help)}`, `# TYPE ${name} ${family.head.type}`);
    for (const [labels, value] of family.series) lines.push(`${name}${labels} ${valueText(value)}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return "";
  return `{${pairs.map(([name, value]) => `${name}="${escapeHelp(value).replaceAll('"', '\\"')}"`).join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}
