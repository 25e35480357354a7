import { useApp } from "../state/app-state.ts";

/** Reads the newest transition to those who do not see it appear. */
export function AlarmAnnouncer() {
  const event = useApp().alarms.announced.value;
  const text =
    event === null
      ? ""
      : event.transition === "raised"
        ? `${event.severity} alarm raised on ${event.device}: ${event.message}`
        : `Alarm cleared on ${event.device}: ${event.ruleName}`;
  return (
    <div class="visually-hidden" aria-live="polite" data-testid="alarm-announcer">
      {text}
    </div>
  );
}
