import type { AlarmEvent } from "../../../core/derived-records.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { AlarmState } from "../../../core/registry.ts";
import { severityRank } from "./severities.ts";
import type { Severity } from "../../../core/alarm-rule.ts";

export type AlarmMap = ReadonlyMap<string, AlarmState>;

/** The newest alarms are kept; of the others the cleared ones go first. */

/** A transition as the alarm it leads to. A `cleared` is never undone by a `raised` of the same alarm that arrives after it. */
export function applyAlarmEvent(known: AlarmState | undefined, event: AlarmEvent): AlarmState {
  const isCleared = event.transition === "cleared";
  if (known !== undefined && !known.active && !isCleared) return known;
  return {
    id: event.id,
    tenant: event.tenant,
    device: event.device,
    rule: event.rule,
    ruleName: event.ruleName,
    severity: event.severity,
    active: !isCleared,
    raisedAt: isCleared ? (known?.raisedAt ?? event.since) : event.ts,
    clearedAt: isCleared ? event.ts : null,
    metric: event.metric ?? known?.metric ?? null,
    value: event.value ?? known?.value ?? null,
    message: isCleared ? (known?.message ?? event.message) : event.message,
  };
}

export function applyAlarmEvents(map: AlarmMap, events: readonly AlarmEvent[]): AlarmMap {
  const next = new Map(map);
  for (const event of events) next.set(event.id, applyAlarmEvent(next.get(event.id), event));
  return bounded(next);
}

/** Takes in a page of the registry's alarms. The registry may lag behind the live events: what is known to be cleared stays so. */
export function mergeAlarms(map: AlarmMap, page: readonly AlarmState[]): AlarmMap {
  const next = new Map(map);
  for (const alarm of page) {
    const known = next.get(alarm.id);
    if (known === undefined || known.active) next.set(alarm.id, alarm);
  }
  return bounded(next);
}

/**
 * After a lost connection: alarms that were active before the question was asked and are not in the complete answer were cleared in
 * between. When, the next page of past alarms tells.
 */
export function dropNoLongerActive(map: AlarmMap, before: AlarmMap, active: readonly AlarmState[]): AlarmMap {
  const stillActive = new Set(active.map(({ id }) => id));
  return new Map([...map].filter(([id, alarm]) => !alarm.active || stillActive.has(id) || before.get(id) !== alarm));
}

/** Active first, most severe first, then newest; then the past ones, newest first. */
export function compareAlarms(a: AlarmState, b: AlarmState): number {
  if (a.active !== b.active) return a.active ? -1 : 1;
  if (a.active && a.severity !== b.severity) return severityRank(a.severity) - severityRank(b.severity);
  return b.raisedAt - a.raisedAt || (a.id < b.id ? -1 : 1);
}

export interface AlarmFilter {
  readonly state: "all" | "active" | "cleared";
  readonly severities: ReadonlySet<Severity>;
  readonly search: string;
}

export function filterAlarms(alarms: Iterable<AlarmState>, filter: AlarmFilter): readonly AlarmState[] {
  const search = filter.search.trim().toLowerCase();
  return [...alarms]
    .filter(
      (alarm) =>
        (filter.state === "all" || alarm.active === (filter.state === "active")) &&
        (filter.severities.size === 0 || filter.severities.has(alarm.severity)) &&
        (search === "" || `${alarm.device} ${alarm.ruleName} ${alarm.message}`.toLowerCase().includes(search)),
    )
    .sort(compareAlarms);
}

function bounded(map: Map<string, AlarmState>): AlarmMap {
  if (map.size <= LIMITS.browserAlarmsMax) return map;
  return new Map([...map].sort(([, a], [, b]) => compareAlarms(a, b)).slice(0, LIMITS.browserAlarmsMax));
}
