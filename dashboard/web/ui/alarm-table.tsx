import type { AlarmState } from "../../../core/registry.ts";
import { clearedAfter, formatDuration } from "../model/format-time.ts";
import { devicePath } from "../model/route.ts";
import { useApp } from "../state/app-state.ts";
import { SeverityMark } from "./severity-mark.tsx";
import { TimeText } from "./time-text.tsx";

/** A short list of alarms; the alarms page has the long one. */
export function AlarmTable({ alarms, showDevice = true }: { alarms: readonly AlarmState[]; showDevice?: boolean }) {
  return (
    <div class={`alarm-list${showDevice ? "" : " without-device"}`} role="table" aria-label="Alarms">
      <div role="rowgroup">
        {alarms.map((alarm) => (
          <AlarmRow key={alarm.id} alarm={alarm} showDevice={showDevice} />
        ))}
      </div>
    </div>
  );
}

/** One alarm in one line; on small screens in three. */
export function AlarmRow({ alarm, showDevice = true }: { alarm: AlarmState; showDevice?: boolean }) {
  const { explained } = useApp();
  return (
    <div
      class={`alarm-row${alarm.active ? "" : " is-past"}`}
      role="row"
      data-testid="alarm-row"
      data-alarm-id={alarm.id}
      data-active={String(alarm.active)}
    >
      <span role="cell" class="alarm-severity">
        <SeverityMark severity={alarm.severity} isActive={alarm.active} />
      </span>
      {showDevice && (
        <span role="cell" class="alarm-device">
          <a href={devicePath(alarm.device)}>{alarm.device}</a>
        </span>
      )}
      <span role="cell" class="alarm-rule" title={alarm.rule}>
        {alarm.ruleName}
      </span>
      <span role="cell" class="alarm-message">
        <button
          type="button"
          class="why-link"
          title={`${alarm.message}: why?`}
          onClick={() => (explained.value = alarm)}
        >
          {alarm.message}
        </button>
      </span>
      <span role="cell" class="alarm-raised">
        <TimeText ts={alarm.raisedAt} />
      </span>
      <span role="cell" class="alarm-state">
        <AlarmDuration alarm={alarm} />
      </span>
    </div>
  );
}

/** Event times: an alarm of replayed data lasted as long as it did then. */
function AlarmDuration({ alarm }: { alarm: AlarmState }) {
  const { settings, clock } = useApp();
  if (alarm.active)
    return <span class="number">active for {formatDuration(wholeUnits(clock.now.value - alarm.raisedAt))}</span>;
  const cleared = alarm.clearedAt;
  if (cleared === null) return <span>cleared</span>;
  return (
    <span class="number" title={`cleared ${settings.time.value.exact(cleared)}`}>
      {clearedAfter(cleared - alarm.raisedAt)}
    </span>
  );
}

/** Counting seconds under a minute, minutes above: it is read at a glance. */
function wholeUnits(ms: number): number {
  return ms < 60_000 ? ms : ms - (ms % 60_000);
}
