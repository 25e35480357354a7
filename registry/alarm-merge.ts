import type { AlarmEvent } from "../core/derived-records.ts";
import type { Tables } from "./schema.ts";
import { storableText } from "./storable-text.ts";

export type AlarmRow = Tables["alarms"];

/**
 * The alarm after one more of its transitions. An alarm goes from raised to cleared once, so that the order in which the two
 * arrive does not matter: what it is about comes from `raised`, its end from `cleared`.
 */
export function mergeAlarm(before: AlarmRow | undefined, event: AlarmEvent): AlarmRow {
  if (event.transition === "cleared") {
    const row = before ?? alarmRow(event, event.since);
    return { ...row, active: 0, cleared_at: event.ts };
  }
  const clearedAt = before?.cleared_at ?? null;
  return { ...alarmRow(event, event.ts), active: clearedAt === null ? 1 : 0, cleared_at: clearedAt };
}

function alarmRow(event: AlarmEvent, raisedAt: number): AlarmRow {
  return {
    tenant: event.tenant,
    id: event.id,
    device: event.device,
    rule: event.rule,
    rule_name: storableText(event.ruleName),
    severity: event.severity,
    active: 1,
    raised_at: raisedAt,
    cleared_at: null,
    metric: event.metric === undefined ? null : storableText(event.metric),
    value: event.value ?? null,
    message: storableText(event.message),
  };
}
