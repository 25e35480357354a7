import type { AlarmEvent } from "../../../core/derived-records.ts";
import { TENANT } from "./registry-stand.ts";

/** A believable transition of an alarm on pump-1. */
export function alarmEvent(fields: Partial<AlarmEvent>): AlarmEvent {
  return {
    v: 1,
    tenant: TENANT,
    device: "pump-1",
    id: "a1",
    rule: "hot",
    ruleName: "Too hot",
    severity: "high",
    transition: "raised",
    ts: 2000,
    since: 1000,
    received: 3000,
    metric: "temperature",
    value: 91.5,
    message: "temperature 91.5 °C > 90",
    ...fields,
  };
}
