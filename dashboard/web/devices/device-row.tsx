import type { Device } from "../../../core/registry.ts";
import { formatMetric } from "../model/format-number.ts";
import { orderNames } from "../model/order-metrics.ts";
import { devicePath } from "../model/route.ts";
import { useApp } from "../state/app-state.ts";
import { SeverityMark } from "../ui/severity-mark.tsx";
import { AgoText } from "../ui/time-text.tsx";

/** A device in one line: it renders anew when its own values change, and no other does. */
export function DeviceRow({ device, valuesMax }: { device: Device; valuesMax: number }) {
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
        {device.name !== "" && device.name !== device.id && (
          <span class="muted device-name" title={device.name}>
            {device.name}
          </span>
        )}
        {device.disabled && <span class="tag">disabled</span>}
      </span>
      <span role="cell" class="device-type">
        {device.type ?? "–"}
      </span>
      <span role="cell" class="device-values" style={{ "--columns": valuesMax }}>
        <RowValues device={device} valuesMax={valuesMax} />
      </span>
      <span role="cell" class="device-seen">
        {seen === 0 ? "never" : <AgoText ts={seen} prefix={isStale ? "last seen " : ""} />}
      </span>
    </div>
  );
}

function RowValues({ device, valuesMax }: { device: Device; valuesMax: number }) {
  const { live, types, isConfigured, unitOf } = useApp();
  const values = live.valuesOf(device.id).value?.[2] ?? {};
  const type = types.value.find(({ id }) => id === device.type);
  const names = orderNames(Object.keys(values), type);
  // Types say the order: values that came before them would change places.
  if (names.length === 0 || !isConfigured.value) {
    return (
      <span key="none" class="muted">
        –
      </span>
    );
  }
  return (
    <>
      {names.slice(0, valuesMax).map((name) => {
        const text = formatMetric(values[name]?.[1] ?? "", unitOf.value(device.type, name));
        return (
          <span key={name} class="row-value" title={`${name} ${text}`}>
            <span class="row-value-name muted">{name}</span>
            <span class="number">{text}</span>
          </span>
        );
      })}
      {names.length > valuesMax && (
        <span key="+more" class="muted" title={names.slice(valuesMax).join(", ")}>
          +{names.length - valuesMax}
        </span>
      )}
    </>
  );
}
