import { useEffect, useState } from "preact/hooks";
import { compareAlarms } from "../model/alarm-list.ts";
import { useApp } from "../state/app-state.ts";
import { AlarmTable } from "../ui/alarm-table.tsx";
import { SkeletonRows } from "../ui/notices.tsx";

const ALARMS_SHOWN = 20;

/** This device's alarms, active and past. */
export function DeviceAlarms({ device }: { device: string }) {
  const { alarms } = useApp();
  const [isLoaded, setLoaded] = useState(false);
  useEffect(() => void alarms.loadDevice(device).then(() => setLoaded(true)), [device]);
  const own = [...alarms.all.value.values()].filter((alarm) => alarm.device === device).sort(compareAlarms);
  return (
    <section class="card" aria-labelledby="device-alarms-title">
      <h2 class="card-title" id="device-alarms-title">
        Alarms
      </h2>
      {own.length === 0 && !isLoaded ? (
        <div class="card-body">
          <SkeletonRows count={2} />
        </div>
      ) : own.length === 0 ? (
        <p class="card-body muted">This device has not raised an alarm.</p>
      ) : (
        <AlarmTable alarms={own.slice(0, ALARMS_SHOWN)} showDevice={false} />
      )}
      {own.length > ALARMS_SHOWN && (
        <p class="card-foot">
          <a href={`/alarms?search=${encodeURIComponent(device)}`}>All alarms of this device</a>
        </p>
      )}
    </section>
  );
}
