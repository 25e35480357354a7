import type { Device } from "../../../core/registry.ts";
import { useApp } from "../state/app-state.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import { Icon } from "../ui/icon.tsx";
import { SeverityMark } from "../ui/severity-mark.tsx";
import { AgoText } from "../ui/time-text.tsx";

export function DeviceHeader({ id, device, feed }: { id: string; device: Device | null; feed: DeviceFeed }) {
  const { alarms } = useApp();
  // With the rest of what is known, so that the page below moves once.
  const own = device === null ? [] : alarms.active.value.filter((alarm) => alarm.device === id);
  const labels = Object.entries(device?.labels ?? {});
  return (
    <header class="device-header">
      <a class="back-link" href="/devices">
        <Icon name="back" /> Devices
      </a>
      <div class="device-title">
        <h1>{id}</h1>
        {device !== null && device.name !== "" && device.name !== id && <span class="muted">{device.name}</span>}
        {device?.disabled === true && <span class="tag">disabled</span>}
      </div>
      <p class="device-facts">
        {device?.type != null && (
          <span>
            Type <a href={`/devices?type=${encodeURIComponent(device.type)}`}>{device.type}</a>
          </span>
        )}
        {labels.map(([name, value]) => (
          <span>
            {name} {value}
          </span>
        ))}
        {device !== null && <LastSeen device={device} feed={feed} />}
        <a href={`/rejects?device=${encodeURIComponent(id)}`}>Rejects</a>
      </p>
      {own.length > 0 && (
        <ul class="device-active-alarms">
          {own.slice(0, 5).map((alarm) => (
            <li key={alarm.id}>
              <SeverityMark severity={alarm.severity} />
              <span>{alarm.message}</span>
              <AgoText ts={alarm.raisedAt} />
            </li>
          ))}
          {own.length > 5 && <li class="muted">and {own.length - 5} more</li>}
        </ul>
      )}
    </header>
  );
}

function LastSeen({ device, feed }: { device: Device; feed: DeviceFeed }) {
  const { live, clock } = useApp();
  const seen = Math.max(feed.lastReceived.value ?? 0, device.lastSeen ?? 0);
  if (seen === 0) return <span class="is-stale">never seen</span>;
  const isStale = clock.now.value - seen > live.staleAfterMs.value;
  return (
    <span class={isStale ? "is-stale" : ""}>
      <AgoText ts={seen} prefix={isStale ? "silent: last seen " : "last seen "} />
    </span>
  );
}
