import { formatAgo } from "../model/format-time.ts";
import { useApp } from "../state/app-state.ts";

/** A time of day; the exact one on hover. */
export function TimeText({ ts }: { ts: number }) {
  const { settings, clock } = useApp();
  const time = settings.time.value;
  return (
    <time class="number" dateTime={new Date(ts).toISOString()} title={`${time.exact(ts)} ${time.zoneName(ts)}`}>
      {time.short(ts, Math.floor(clock.now.value / 60_000) * 60_000)}
    </time>
  );
}

/** How long ago, counting up; the exact time on hover. */
export function AgoText({ ts, prefix = "" }: { ts: number; prefix?: string }) {
  const { settings, clock } = useApp();
  const time = settings.time.value;
  return (
    <time class="number" dateTime={new Date(ts).toISOString()} title={`${time.exact(ts)} ${time.zoneName(ts)}`}>
      {prefix}
      {formatAgo(clock.now.value - ts)}
    </time>
  );
}
