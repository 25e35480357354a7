import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useTimeChart } from "../chart/use-time-chart.ts";
import { toColumns } from "../model/gaps.ts";
import { formatCount, formatRate } from "../model/format-number.ts";
import { useApp } from "../state/app-state.ts";

const WIDTH_MS = 15 * 60_000;
/** A platform that has just started fills at least this much. */
const WIDTH_MS_MIN = 60_000;
/** A sample is the rate since the one before it. A busy platform sends them late; only much later is a gap. */
const GAP_MS = 10_000;

/** Messages per second over the last quarter of an hour. */
export function ThroughputCard() {
  const { live, settings, clock } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const hovered = useSignal<number | null>(null);
  const columns = useRef(toColumns([], 0));
  const draw = () => {
    const samples = live.throughput.peek();
    columns.current = toColumns(
      samples.map(([ts, value]) => ({ ts, value, min: value, max: value, count: 1 })),
      GAP_MS,
    );
    const to = Math.max(samples.at(-1)?.[0] ?? 0, clock.now.peek());
    const from = Math.max(to - WIDTH_MS, Math.min(to - WIDTH_MS_MIN, samples[0]?.[0] ?? to));
    chart.current?.draw({
      columns: columns.current,
      from,
      to,
      thresholds: [],
      spans: [],
      hasBand: false,
    });
  };
  const chart = useTimeChart(box, {
    syncKey: "throughput",
    fromZero: true,
    onHover(column) {
      hovered.value = (column === null ? undefined : columns.current.ts[column.index]) ?? null;
    },
    onReady: draw,
  });
  useSignalEffect(() => {
    void live.throughput.value;
    draw();
  });
  const samples = live.throughput.value;
  const shown = samples.find(([at]) => at === hovered.value) ?? samples.at(-1);
  return (
    <section class="card area-throughput" aria-labelledby="throughput-title">
      <h2 class="card-title" id="throughput-title">
        Throughput
        <span class="card-title-value number" data-testid="throughput-now">
          {shown === undefined ? "–" : formatRate(shown[1])}
        </span>
      </h2>
      <div ref={box} class="chart-box" role="img" aria-label="Messages per second over the last 15 minutes" />
      <p class="card-foot muted number">
        {shown === undefined
          ? "messages per second"
          : `${hovered.value === null ? "now" : settings.time.value.exact(shown[0])} · ${formatCount(shown[2])} records behind over all hops`}
      </p>
    </section>
  );
}
