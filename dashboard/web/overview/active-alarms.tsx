import { formatCount } from "../model/format-number.ts";
import { useApp } from "../state/app-state.ts";
import { AlarmTable } from "../ui/alarm-table.tsx";
import { ErrorState } from "../ui/notices.tsx";
import { TimeText } from "../ui/time-text.tsx";

const ALARMS_SHOWN = 8;

export function ActiveAlarms() {
  const { alarms } = useApp();
  const active = alarms.active.value;
  const error = alarms.error.value;
  return (
    <section class="card area-alarms" aria-labelledby="active-alarms-title">
      <h2 class="card-title" id="active-alarms-title">
        Active alarms {active.length > 0 && <span class="count">{formatCount(active.length)}</span>}
      </h2>
      {!alarms.isLoaded.value && error !== null ? (
        <ErrorState error={error} onRetry={() => void alarms.refresh()} />
      ) : active.length === 0 ? (
        <Quiet />
      ) : (
        <AlarmTable alarms={active.slice(0, ALARMS_SHOWN)} />
      )}
      <p class="card-foot">
        <a href={active.length > ALARMS_SHOWN ? "/alarms?state=active" : "/alarms"}>
          {active.length > ALARMS_SHOWN ? `All ${formatCount(active.length)} active alarms` : "All alarms"}
        </a>
      </p>
    </section>
  );
}

function Quiet() {
  const { alarms } = useApp();
  const cleared = [...alarms.all.value.values()].map(({ clearedAt }) => clearedAt ?? 0);
  const last = cleared.reduce((latest, at) => Math.max(latest, at), 0);
  return (
    <div class="card-body quiet">
      <p>No active alarms.</p>
      {last > 0 && (
        <p class="muted">
          The last one cleared at <TimeText ts={last} />.
        </p>
      )}
    </div>
  );
}
