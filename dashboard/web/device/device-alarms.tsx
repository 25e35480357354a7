import { useEffect } from "preact/hooks";
import { compareAlarms } from "../model/alarm-list.ts";
import { useApp } from "../state/app-state.ts";
import { AlarmTable } from "../ui/alarm-table.tsx";

const ALARMS_SHOWN = 20;

/** This device's alarms, active and past. */
export function DeviceAlarms({ device }: { device: string }) {
  const { alarms } = useApp();
  useEffect(() => void alarms.loadDevice(device), [device]);
  const own = [...alarms.all.value.values()].filter((alarm) => alarm.device === device).sort(compareAlarms);
  return (
    <section class="card" aria-labelledby="device-alarms-title">
      <h2 class="card-title" id="device-alarms-title">
        Alarms
      </h2>
      {own.length === 0 ? (
        <p class="card-body muted">This device has not raised an alarm.</p>
      ) : (
        <AlarmTable alarms={own.slice(0, ALARMS_SHOWN)} showDevice={false} />
      )}
      {own.length > ALARMS_SHOWN && (
        <p class="card-foot">
          <a href={`/alarms?search=${encodeURIComponent(device)}`}>All {own.length} alarms of this device</a>
        </p>
      )}
    </section>
  );
}
