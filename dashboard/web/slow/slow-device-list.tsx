import type { SlowDeviceOrder } from "../../../core/slow-device-order.ts";
import type { SlowDevice } from "../../../core/slow-devices.ts";
import { formatCount } from "../model/format-number.ts";
import { formatDuration } from "../model/format-time.ts";
import { devicePath } from "../model/route.ts";
import { formatShare } from "../model/slow-lists.ts";
import { AgoText } from "../ui/time-text.tsx";

const COLUMNS: readonly (readonly [title: string, meaning: string])[] = [
  ["Device", "Click for its charts"],
  ["Last message", "Receive time, and how many of its usual intervals ago that is"],
  ["Usual interval", "Time between two messages"],
  ["Delay", "Usual time from the event to its receipt"],
  ["Duplicates", "Part of its messages that came twice"],
  ["Late", "Readings too late for their windows or for alarms"],
  ["Rejected", "Part of its messages in quarantine, or on which a function failed"],
];

/** Devices in one line each, what they are ordered by marked; on small screens in three. */
export function SlowDeviceList({ devices, by }: { devices: readonly SlowDevice[]; by: SlowDeviceOrder }) {
  return (
    <div class="card" role="table" aria-label="Slow devices" aria-rowcount={devices.length}>
      <div class="table-head slow-row slow-device" role="row">
        {COLUMNS.map(([title, meaning]) => (
          <span role="columnheader" title={meaning}>
            {title}
          </span>
        ))}
      </div>
      {devices.map((device) => (
        <Row key={device.device} device={device} by={by} />
      ))}
    </div>
  );
}

function Row({ device: one, by }: { device: SlowDevice; by: SlowDeviceOrder }) {
  const rejected = one.quarantined + one.deadLettered;
  const mark = (order: SlowDeviceOrder, isBad = true) => (by === order && isBad ? " is-worst" : "");
  return (
    <div class="slow-row slow-device" role="row" data-testid="slow-device" data-device-id={one.device}>
      <span role="cell" class="slow-name">
        <a class="row-link" href={devicePath(one.device)} title={one.device}>
          {one.device}
        </a>
      </span>
      <span role="cell" class={`number${mark("silence")}`} data-label="last message">
        {one.received === null ? "not seen" : <AgoText ts={one.received} />}
        {one.silence !== null && one.silence >= 2 && <span class="muted"> · {formatCount(one.silence)}×</span>}
      </span>
      <span role="cell" class="number" data-label="usual interval">
        {one.intervalMs === null ? "–" : formatDuration(one.intervalMs)}
      </span>
      <span role="cell" class={`number${mark("delay")}`} data-label="delay">
        {one.delayMs === null ? "–" : formatDuration(one.delayMs)}
      </span>
      <span
        role="cell"
        class={`number${mark("rejects", one.duplicates > 0)}`}
        data-label="duplicates"
        title={`${formatCount(one.duplicates)} of ${formatCount(one.messages)} messages`}
      >
        {formatShare(one.duplicates, one.messages)}
      </span>
      <span role="cell" class={`number${mark("rejects", one.late > 0)}`} data-label="late">
        {formatCount(one.late)}
      </span>
      <span
        role="cell"
        class={`number${mark("rejects", rejected > 0)}`}
        data-label="rejected"
        title={`${formatCount(rejected)} of ${formatCount(one.messages)} messages`}
      >
        {rejected === 0 ? (
          formatShare(0, 1)
        ) : (
          <a href={`/rejects?${new URLSearchParams({ device: one.device }).toString()}`}>
            {formatShare(rejected, one.messages)}
          </a>
        )}
      </span>
    </div>
  );
}
