import { formatMetric } from "../model/format-number.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import { AgoText } from "../ui/time-text.tsx";

/** Metrics that are no numbers: their last value and its event time. */
export function OtherValues({ feed, metrics }: { feed: DeviceFeed; metrics: readonly string[] }) {
  if (metrics.length === 0) return null;
  const latest = feed.latest.value;
  return (
    <section class="card" aria-label="Other values">
      <h2 class="card-title">Other values</h2>
      <dl class="other-values">
        {metrics.map((metric) => {
          const value = latest.get(metric);
          return (
            value !== undefined && (
              <div>
                <dt>{metric}</dt>
                <dd title={String(value.value)}>{formatMetric(value.value, "")}</dd>
                <dd class="muted">
                  <AgoText ts={value.received ?? value.ts} />
                </dd>
              </div>
            )
          );
        })}
      </dl>
    </section>
  );
}
