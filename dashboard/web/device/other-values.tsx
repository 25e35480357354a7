import { formatMetric } from "../model/format-number.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import { AgoText } from "../ui/time-text.tsx";

/** Metrics without a chart, since they are no numbers or have not come for long: their last value and its event time. */
export function OtherValues(props: {
  title: string;
  feed: DeviceFeed;
  metrics: readonly string[];
  unitOf: (metric: string) => string;
  /** Greyed, with "last seen" in front of the time. */
  isStale?: boolean;
}) {
  const { title, feed, metrics, unitOf, isStale = false } = props;
  if (metrics.length === 0) return null;
  const latest = feed.latest.value;
  return (
    <section class={isStale ? "card is-stale" : "card"} aria-label={title}>
      <h2 class="card-title">{title}</h2>
      <dl class="other-values">
        {metrics.map((metric) => {
          const value = latest.get(metric);
          return (
            value !== undefined && (
              <div>
                <dt>{metric}</dt>
                <dd title={String(value.value)}>{formatMetric(value.value, unitOf(metric))}</dd>
                <dd class="muted">
                  {isStale ? (
                    <AgoText ts={value.ts} prefix="last seen " />
                  ) : (
                    <AgoText ts={value.received ?? value.ts} />
                  )}
                </dd>
              </div>
            )
          );
        })}
      </dl>
    </section>
  );
}
