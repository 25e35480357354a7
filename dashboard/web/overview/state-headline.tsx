import type { Overview } from "../../../core/overview.ts";
import { formatCount } from "../model/format-number.ts";
import { formatDuration } from "../model/format-time.ts";
import { SEVERITIES } from "../model/severities.ts";
import { stateSentence } from "../model/state-sentence.ts";
import { useApp } from "../state/app-state.ts";
import { Icon } from "../ui/icon.tsx";
import { SeverityMark } from "../ui/severity-mark.tsx";

export function StateHeadline() {
  const overview = useApp().live.overview.value;
  if (overview === null) return null;
  const { tone, text } = stateSentence(overview);
  return (
    <header class={`headline headline-${tone}`}>
      <h1 data-testid="state-sentence">
        <Icon name={tone === "ok" ? "check" : "warning"} size={22} />
        {text}
      </h1>
      {tone === "attention" && <HeadlineFacts devices={overview.devices} />}
      {overview.faults.length > 0 && (
        <ul class="fault-list" aria-label="Platform faults">
          {overview.faults.map((fault) => (
            <li key={fault.id} data-testid="platform-fault">
              <Icon name="warning" />
              <span>{fault.text}</span>
              <FaultAge since={fault.since} />
            </li>
          ))}
        </ul>
      )}
    </header>
  );
}

/** How bad it is, and how much is well nevertheless. */
function HeadlineFacts({ devices }: { devices: Overview["devices"] }) {
  const active = useApp().alarms.active.value;
  const counts = SEVERITIES.map((severity) => ({
    severity,
    count: active.filter((alarm) => alarm.severity === severity).length,
  }));
  return (
    <p class="headline-facts muted number">
      {counts.map(
        ({ severity, count }) =>
          count > 0 && (
            <a key={severity} href={`/alarms?state=active&severity=${severity}`}>
              {formatCount(count)} <SeverityMark severity={severity} />
            </a>
          ),
      )}
      {devices.silent === 0 && devices.total > 0 && (
        <span>
          {formatCount(devices.reporting)} of {formatCount(devices.total)} devices reporting
        </span>
      )}
    </p>
  );
}

function FaultAge({ since }: { since: number }) {
  const { clock } = useApp();
  const ms = clock.now.value - since;
  return <span class="fault-age number">for {formatDuration(ms < 60_000 ? ms : ms - (ms % 60_000))}</span>;
}
