import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { alarmEventSchema } from "../../core/derived-records.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { controlLogRecord, logRecord } from "./log-records.ts";
import { runStage, valuesOf } from "./stage-run.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { AlarmEvent } from "../../core/derived-records.ts";
import type { StageRun } from "./stage-run.ts";

/** Alarm rules against a device's story, told in minutes. */
export const T0 = Date.UTC(2026, 0, 1);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
const TYPE = deviceTypeSchema.parse({ tenant: "t", id: "air", metrics: { "PM2.5": { unit: "µg/m³" } } });

/** [minutes, value], received at once; or a control record. */
type Entry = readonly [minutes: number, value: number | boolean | null] | ControlRecord;

export function ruleOf(fields: object): AlarmRule {
  return alarmRuleSchema.parse({ tenant: "t", id: "dust", name: "Dust", severity: "critical", ...fields });
}

export const DUST = ruleOf({ condition: { kind: "threshold", metric: "PM2.5", op: ">", value: 150, deadband: 10 } });
export const SILENT = ruleOf({ id: "silent", name: "Silent", condition: { kind: "no-data", afterMs: 30 * MINUTE } });

export function runRules(rules: AlarmRule[], entries: readonly Entry[]): StageRun {
  const device = { tenant: "t", id: "a", type: "air", labels: {}, disabled: false };
  const config: ControlRecord = { v: 1, kind: "config-snapshot", revision: 1, types: [TYPE], rules, devices: [device] };
  let received = T0;
  const records = entries.map((entry, index) => {
    if ("kind" in entry) return controlLogRecord(index + 1, received, entry);
    const [minutes, value] = entry;
    const ts = T0 + minutes * MINUTE;
    received = Math.max(received, ts);
    const values = value === null ? { other: 1 } : typeof value === "boolean" ? { leak: value } : { "PM2.5": value };
    return logRecord({ offset: index + 1, timestamp: received, key: "t/a", value: { ts, values } });
  });
  return runStage([controlLogRecord(0, T0, config), ...records], { stage: mainStage });
}

export function events(rules: AlarmRule[], entries: readonly Entry[]): AlarmEvent[] {
  return valuesOf(runRules(rules, entries), "alarms").map((value) => alarmEventSchema.parse(value));
}

/** `+12` raised at minute 12, `-20` cleared at minute 20. */
export function story(rules: AlarmRule[], entries: readonly Entry[]): string[] {
  return events(rules, entries).map(
    ({ transition, ts }) => `${transition === "raised" ? "+" : "-"}${(ts - T0) / MINUTE}`,
  );
}

export function flush(minutes: number): ControlRecord {
  return { v: 1, kind: "flush", upTo: T0 + minutes * MINUTE };
}
