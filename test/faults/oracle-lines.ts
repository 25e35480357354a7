import { defaultDeviceType } from "../../core/device-type.ts";
import { oracleAggregates, type OracleAggregate } from "../support/oracle-aggregates.ts";
import { oracleAlarms } from "../support/oracle-alarms.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { OracleMessage } from "../support/oracle-timeline.ts";

interface AlarmTransition {
  readonly device: string;
  readonly rule: string;
  readonly transition: string;
  readonly ts: number;
  readonly since: number;
  readonly value: number | null;
}

/** A window or a transition as text: what is equal has equal lines. `key`: `device metric size start`. */
export function windowLine(key: string, window: OracleAggregate): string {
  const { revision, count, sum, min, max, mean, first, last } = window;
  return [key, revision, count, sum, min, max, mean, first, last].join(" ");
}

export function alarmLine({ device, rule, transition, ts, since, value }: AlarmTransition): string {
  return [device, rule, transition, ts, since, value].join(" ");
}

/** What the oracles make of the readings, partition by partition. */
export function oracleLines(
  partitions: readonly (readonly OracleMessage[])[],
  tenant: string,
  rules: readonly AlarmRule[],
  flushUpTo: number,
): { readonly windows: string[]; readonly alarms: string[] } {
  const time = defaultDeviceType(tenant);
  const windows = partitions.flatMap((messages) =>
    [...oracleAggregates(messages, time.windowMs, time, flushUpTo).windows].map(([key, one]) => windowLine(key, one)),
  );
  const alarms = partitions.flatMap((messages) =>
    oracleAlarms(messages, rules, time, flushUpTo).alarms.flatMap((alarm) => {
      const { raised, raisedValue, cleared, clearedValue, ...rest } = alarm;
      const up = alarmLine({ ...rest, transition: "raised", ts: raised, value: raisedValue });
      if (cleared === null) return [up];
      return [up, alarmLine({ ...rest, transition: "cleared", ts: cleared, value: clearedValue })];
    }),
  );
  return { windows, alarms };
}

/** How many lines one of the two has and the other has not; lines that are there twice must be so in both. */
export function countDifferent(expected: readonly string[], found: readonly string[]): number {
  const balance = new Map<string, number>();
  for (const line of expected) balance.set(line, (balance.get(line) ?? 0) + 1);
  for (const line of found) balance.set(line, (balance.get(line) ?? 0) - 1);
  return [...balance.values()].reduce((sum, left) => sum + Math.abs(left), 0);
}
