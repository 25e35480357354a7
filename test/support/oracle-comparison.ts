import { expect } from "vitest";
import { alarmEventSchema } from "../../core/derived-records.ts";
import { oracleAggregates } from "./oracle-aggregates.ts";
import { oracleAlarms } from "./oracle-alarms.ts";
import { valuesOf } from "./stage-run.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { Aggregate } from "../../core/derived-records.ts";
import type { OutcomeName } from "../../core/ledger.ts";
import type { OracleAggregate } from "./oracle-aggregates.ts";
import type { OracleAlarm } from "./oracle-alarms.ts";
import type { OracleMessage, OracleTime } from "./oracle-timeline.ts";
import type { StageRun } from "./stage-run.ts";

export interface Comparison {
  readonly time: OracleTime;
  readonly sizes: readonly number[];
  readonly rules: readonly AlarmRule[];
  readonly flushUpTo: number;
}

export interface Compared {
  readonly windows: number;
  readonly alarms: number;
}

/** Expects the greatest revision of every window, every alarm and the late counts of a run to be what the oracles say. */
export function compareWithOracle(run: StageRun, messages: readonly OracleMessage[], comparison: Comparison): Compared {
  const { time, sizes, rules, flushUpTo } = comparison;
  const aggregates = oracleAggregates(messages, sizes, time, flushUpTo);
  const alarms = oracleAlarms(messages, rules, time, flushUpTo);
  const engineWindows = lastRevisions(run);
  expectSameWindows(engineWindows, aggregates.windows);
  expect(sortedAlarms(engineAlarms(run))).toEqual(sortedAlarms(alarms.alarms));
  expect(sumOf(run, "lateDropped")).toBe(aggregates.lateDropped);
  expect(sumOf(run, "lateForAlarm")).toBe(alarms.lateForAlarm);
  return { windows: engineWindows.size, alarms: alarms.alarms.length };
}

/** Checks on the way that revisions of a window go 0, 1, 2 …. */
function lastRevisions(run: StageRun): Map<string, OracleAggregate> {
  const last = new Map<string, OracleAggregate>();
  for (const value of valuesOf(run, "aggregates")) {
    if (!isAggregate(value)) return expect.fail(`no aggregate: ${JSON.stringify(value)}`);
    const { device, metric, size, start, v: _v, tenant: _tenant, ...rest } = value;
    const key = `${device} ${metric} ${size} ${start}`;
    const revision = (last.get(key)?.revision ?? -1) + 1;
    if (rest.revision !== revision) expect.fail(`${key}: revision ${rest.revision} came where ${revision} was due`);
    last.set(key, rest);
  }
  return last;
}

/** A schema would take longer than the engine: other tests hold outputs against it. */
function isAggregate(value: unknown): value is Aggregate {
  return typeof value === "object" && value !== null && "metric" in value && "revision" in value;
}

function engineAlarms(run: StageRun): OracleAlarm[] {
  const alarms = new Map<string, OracleAlarm>();
  const active = new Map<string, string>();
  for (const value of valuesOf(run, "alarms")) {
    const event = alarmEventSchema.parse(value);
    const place = `${event.device} ${event.rule}`;
    const known = alarms.get(event.id);
    if (event.transition === "raised") {
      if (known !== undefined || active.has(place))
        expect.fail(`${place}: raised again while active, or under a used id`);
      const { device, rule, since } = event;
      const raised = { raised: event.ts, raisedValue: event.value ?? null, cleared: null, clearedValue: null };
      alarms.set(event.id, { device, rule, since, ...raised });
      active.set(place, event.id);
    } else {
      if (known === undefined || active.get(place) !== event.id) expect.fail(`${place}: cleared without being active`);
      else alarms.set(event.id, { ...known, cleared: event.ts, clearedValue: event.value ?? null });
      active.delete(place);
    }
  }
  return [...alarms.values()];
}

function sortedAlarms(alarms: readonly OracleAlarm[]): OracleAlarm[] {
  const place = ({ device, rule, since }: OracleAlarm): string =>
    `${device} ${rule} ${String(since).padStart(16, "0")}`;
  return [...alarms].sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** Compares as text: hundreds of thousands of windows are too many for a deep comparison. */
function expectSameWindows(
  engine: ReadonlyMap<string, OracleAggregate>,
  oracle: ReadonlyMap<string, OracleAggregate>,
): void {
  for (const [key, window] of oracle) {
    const found = engine.get(key);
    if (JSON.stringify(found) !== JSON.stringify(window)) expect({ key, window: found }).toEqual({ key, window });
  }
  const extra = [...engine.keys()].filter((key) => !oracle.has(key));
  expect(extra).toEqual([]);
}

function sumOf(run: StageRun, name: OutcomeName): number {
  return [...run.totals.values()].reduce((sum, outcomes) => sum + outcomes[name], 0);
}
