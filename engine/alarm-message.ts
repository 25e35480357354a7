import type { AlarmRule } from "../core/alarm-rule.ts";
import type { DeviceType } from "../core/device-type.ts";
import type { AlarmTransition } from "./alarm-machine.ts";

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/** A sentence for people: "PM2.5 162 µg/m³ > 150 for 3 h". */
export function alarmMessage(rule: AlarmRule, type: DeviceType, transition: AlarmTransition): string {
  const { condition } = rule;
  const lasted = durationText(transition.ts - transition.since);
  if (condition.kind === "no-data") {
    return transition.kind === "raised"
      ? `no data for ${durationText(condition.afterMs + rule.onDelayMs)}`
      : `data again after ${lasted} of alarm`;
  }
  const { metric, op, value: limit } = condition;
  const definition = Object.hasOwn(type.metrics, metric) ? type.metrics[metric] : undefined;
  const unit = definition === undefined || definition.unit === "" ? "" : ` ${definition.unit}`;
  const value = transition.value === null ? "" : ` ${transition.value}${unit}`;
  if (transition.kind === "cleared") return `${metric}${value}: no longer ${op} ${limit}, after ${lasted}`;
  const held = rule.onDelayMs === 0 ? "" : ` for ${durationText(rule.onDelayMs)}`;
  return `${metric}${value} ${op} ${limit}${held}`;
}

/** The two largest units: "3 h", "1 d 2 h", "90 s" as "1 min 30 s". */
export function durationText(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}
