import type { Device } from "../../../core/registry.ts";
import { formatMetric } from "../model/format-number.ts";
import { devicePath } from "../model/route.ts";
import { useApp } from "../state/app-state.ts";
import { SeverityMark } from "../ui/severity-mark.tsx";
import { AgoText } from "../ui/time-text.tsx";

const VALUES_SHOWN = 6;

/** A device in one line: it renders anew when its own values change, and no other does. */
export function DeviceRow({ device }: { device: Device }) {
  const { live, clock, alarms } = useApp();
  const values = live.valuesOf(device.id).value;
  const seen = Math.max(device.lastSeen ?? 0, values?.[1] ?? 0);
  const isStale = seen === 0 || clock.now.value - seen > live.staleAfterMs.value;
  const worst = alarms.active.value.find((alarm) => alarm.device === device.id);
  return (
    <div
      class={`device-row${isStale ? " is-stale-row" : ""}`}
      role="row"
      data-testid="device-row"
      data-device-id={device.id}
    >
      <span role="cell" class="device-id">
        {worst !== undefined && <SeverityMark severity={worst.severity} label={false} />}
        <a class="row-link" href={devicePath(device.id)}>
          {device.id}
        </a>
        {device.name !== "" && device.name !== device.id && <span class="muted device-name">{device.name}</span>}
        {device.disabled && <span class="tag">disabled</span>}
      </span>
      <span role="cell" class="device-type">
        {device.type ?? "–"}
      </span>
      <span role="cell" class="device-values">
        <RowValues device={device} />
      </span>
      <span role="cell" class="device-seen">
        {seen === 0 ? "never" : <AgoText ts={seen} prefix={isStale ? "last seen " : ""} />}
      </span>
    </div>
  );
}

function RowValues({ device }: { device: Device }) {
  const { live, unitOf } = useApp();
  const values = Object.entries(live.valuesOf(device.id).value?.[2] ?? {});
  if (values.length === 0) return <span class="muted">–</span>;
  return (
    <>
      {values.slice(0, VALUES_SHOWN).map(([metric, [, value]]) => (
        <span class="row-value">
          <span class="muted">{metric}</span>{" "}
          <span class="number">{formatMetric(value, unitOf.value(device.type, metric))}</span>
        </span>
      ))}
      {values.length > VALUES_SHOWN && <span class="muted">+{values.length - VALUES_SHOWN}</span>}
    </>
  );
}
