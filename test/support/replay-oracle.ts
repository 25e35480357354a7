import { expect } from "vitest";
import { oracleAggregates } from "./oracle-aggregates.ts";
import { oracleAlarms } from "./oracle-alarms.ts";
import type { AlarmState } from "../../core/registry.ts";
import type { OracleAggregate } from "./oracle-aggregates.ts";
import type { OracleAlarm } from "./oracle-alarms.ts";
import type { OracleMessage } from "./oracle-timeline.ts";
import type { Recording } from "./replay-recordings.ts";
import type { Tables } from "./replay-tables.ts";

/** What one device sent, as the oracles take it: all received in one instant, because a replay's receive times mean nothing. */
function messagesOf({ messages }: Recording, device: string): OracleMessage[] {
  const own = messages.filter((message) => message.device === device);
  return own.map(({ ts, values }) => ({ device, received: 0, readings: [{ ts, values }] }));
}

/** Expects every window of the table to be the oracle's, and no other. */
export async function expectOracleAggregates(
  recording: Recording,
  tables: Tables,
  flushUpTo: number,
): Promise<{ readonly windows: number; readonly lateDropped: number }> {
  let windows = 0;
  let lateDropped = 0;
  for (const [device, type] of recording.devices) {
    const expected = oracleAggregates(messagesOf(recording, device), type.windowMs, type, flushUpTo);
    const oracle = expected.windows;
    lateDropped += expected.lateDropped;
    const rows = await tables.rows(
      `SELECT metric, size_ms, toUnixTimestamp64Milli(start), revision, count, sum, min, max, mean, first, last
       FROM aggregates FINAL WHERE device = '${device}'`,
    );
    const differing = rows.flatMap((row) => differenceOf(device, row, oracle));
    expect(differing.slice(0, 5)).toEqual([]);
    // As many rows as windows, each of them one of the oracle's: the sets are equal.
    expect({ device, rows: rows.length }).toEqual({ device, rows: oracle.size });
    expect(new Set(rows.map(([metric, size, start]) => `${metric} ${size} ${start}`)).size).toBe(rows.length);
    windows += rows.length;
  }
  const [[others] = []] = await tables.rows("SELECT count() FROM aggregates FINAL");
  expect(Number(others)).toBe(windows);
  return { windows, lateDropped };
}

function differenceOf(
  device: string,
  row: readonly (string | number | null)[],
  oracle: ReadonlyMap<string, OracleAggregate>,
): object[] {
  const [metric, size, start, ...rest] = row;
  const [revision, count, sum, min, max, mean, first, last] = rest.map(Number);
  const expected = oracle.get(`${device} ${metric} ${size} ${start}`);
  const found = { revision, count, sum, min, max, mean, first, last };
  const same = expected !== undefined && JSON.stringify(found) === JSON.stringify(expected);
  return same ? [] : [{ device, metric, size, start, found, expected }];
}

/** The alarms that the oracle finds, as lines that say when each was raised and cleared, and the readings that came too late for them. */
export function oracleAlarmsOf(
  recording: Recording,
  flushUpTo: number,
): { readonly lines: readonly string[]; readonly lateForAlarm: number } {
  const found = [...recording.devices].map(([device, type]) => {
    const rules = recording.rules.filter(({ select }) => select.type === undefined || select.type === type.id);
    return oracleAlarms(messagesOf(recording, device), rules, type, flushUpTo);
  });
  return {
    lines: found.flatMap(({ alarms }) => alarms.map(lineOf)).sort(),
    lateForAlarm: found.reduce((sum, { lateForAlarm }) => sum + lateForAlarm, 0),
  };
}

function lineOf({ device, rule, raised, cleared }: OracleAlarm): string {
  return `${device} ${rule} raised ${raised} cleared ${cleared}`;
}

export function apiAlarmLines(alarms: readonly AlarmState[]): string[] {
  return alarms
    .map(({ device, rule, raisedAt, clearedAt }) => `${device} ${rule} raised ${raisedAt} cleared ${clearedAt}`)
    .sort();
}

/** Raised and cleared events of the table, as the same lines. */
export async function tableAlarmLines(tables: Tables): Promise<string[]> {
  const rows = await tables.rows(
    `SELECT any(device), any(rule), groupArrayIf(toUnixTimestamp64Milli(ts), transition = 'raised'),
       groupArrayIf(toUnixTimestamp64Milli(ts), transition = 'cleared') FROM alarm_events GROUP BY id`,
  );
  return rows
    .map(
      ([device, rule, raised, cleared]) =>
        `${device} ${rule} raised ${String(raised)} cleared ${String(cleared) || null}`,
    )
    .sort();
}

/** `device_events` by kind, as an object. */
export async function tableDeviceEvents(tables: Tables): Promise<Record<string, number>> {
  const rows = await tables.rows("SELECT kind, count() FROM device_events GROUP BY kind");
  return Object.fromEntries(rows.map(([kind, count]) => [String(kind), Number(count)]));
}

/** What the webhook must have been told of these alarms: `id transition`. */
export function transitionsOf(alarms: readonly AlarmState[]): string[] {
  return alarms.flatMap(({ id, active }) => (active ? [`${id} raised`] : [`${id} raised`, `${id} cleared`])).sort();
}
