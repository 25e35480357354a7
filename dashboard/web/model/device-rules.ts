import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { Device } from "../../../core/registry.ts";

export interface ChartThreshold {
  readonly rule: string;
  readonly value: number;
  readonly op: ">" | ">=" | "<" | "<=";
  readonly severity: AlarmRule["severity"];
}

/** Thresholds of the enabled rules that select the device, for one metric. */
export function thresholdsOf(
  rules: readonly AlarmRule[],
  device: Pick<Device, "type" | "labels">,
  metric: string,
): readonly ChartThreshold[] {
  const thresholds: ChartThreshold[] = [];
  for (const { enabled, select, condition, name, severity } of rules) {
    if (!enabled || condition.kind !== "threshold" || condition.metric !== metric) continue;
    const labels = Object.entries(select.labels ?? {});
    if (select.type !== undefined && select.type !== device.type) continue;
    if (!labels.every(([label, value]) => device.labels[label] === value)) continue;
    thresholds.push({ rule: name, value: condition.value, op: condition.op, severity });
  }
  return thresholds;
}
