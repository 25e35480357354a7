import { describe, expect, it } from "vitest";
import type { AlarmEvent } from "../../../core/derived-records.ts";
import { SEVERITIES as CORE_SEVERITIES } from "../../../core/alarm-rule.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { AlarmState } from "../../../core/registry.ts";
import {
  applyAlarmEvents,
  dropNoLongerActive,
  filterAlarms,
  mergeAlarms,
} from "../../../dashboard/web/model/alarm-list.ts";
import { SEVERITIES, severityRank } from "../../../dashboard/web/model/severities.ts";

function event(id: string, transition: AlarmEvent["transition"], ts: number): AlarmEvent {
  const base = { v: 1, tenant: "t", device: "d", rule: "r", ruleName: "Hot", severity: "high" } as const;
  return { ...base, id, transition, ts, since: 1, received: ts, message: transition };
}

function alarm(id: string, change: Partial<AlarmState> = {}): AlarmState {
  const base = { tenant: "t", device: "d", rule: "r", ruleName: "Hot", severity: "high", active: true } as const;
  return { ...base, id, raisedAt: 1, clearedAt: null, metric: null, value: null, message: "m", ...change };
}

const EMPTY = new Map<string, AlarmState>();

describe("applyAlarmEvents", () => {
  it("raises and clears an alarm", () => {
    const raised = applyAlarmEvents(EMPTY, [event("a", "raised", 10)]);
    expect(raised.get("a")).toMatchObject({ active: true, raisedAt: 10, clearedAt: null });
    const cleared = applyAlarmEvents(raised, [event("a", "cleared", 20)]);
    expect(cleared.get("a")).toMatchObject({ active: false, raisedAt: 10, clearedAt: 20, message: "raised" });
  });

  it("does not raise again what is known to be cleared", () => {
    const map = applyAlarmEvents(EMPTY, [event("a", "cleared", 20), event("a", "raised", 10)]);
    expect(map.get("a")?.active).toBe(false);
  });
});

describe("the alarms of a page", () => {
  it("stay within the ceiling, and the active ones stay first", () => {
    const many = Array.from({ length: LIMITS.browserAlarmsMax }, (_, n) => event(`c${n}`, "cleared", n));
    const map = applyAlarmEvents(EMPTY, [event("a", "raised", 1), ...many]);
    expect(map.size).toBe(LIMITS.browserAlarmsMax);
    expect(map.get("a")?.active).toBe(true);
  });
});

describe("mergeAlarms", () => {
  it("takes in a page, but keeps cleared what the registry does not know to be cleared yet", () => {
    const map = applyAlarmEvents(EMPTY, [event("a", "raised", 10), event("a", "cleared", 20)]);
    const merged = mergeAlarms(map, [alarm("a"), alarm("b")]);
    expect([merged.get("a")?.active, merged.get("b")?.active]).toEqual([false, true]);
  });
});

describe("dropNoLongerActive", () => {
  it("drops what was cleared while nobody listened, and keeps what came meanwhile", () => {
    const before = new Map([
      ["gone", alarm("gone")],
      ["still", alarm("still")],
      ["past", alarm("past", { active: false })],
    ]);
    const now = applyAlarmEvents(before, [event("new", "raised", 50)]);
    expect([...dropNoLongerActive(now, before, [alarm("still")]).keys()]).toEqual(["still", "past", "new"]);
  });
});

describe("filterAlarms", () => {
  const alarms = [
    alarm("past", { active: false, raisedAt: 99 }),
    alarm("low", { severity: "low", raisedAt: 50 }),
    alarm("old", { raisedAt: 10, device: "pump-7" }),
    alarm("new", { raisedAt: 20 }),
  ];
  const all = { state: "all", severities: new Set<never>(), search: "" } as const;
  const ids = (filter: Parameters<typeof filterAlarms>[1]) => filterAlarms(alarms, filter).map(({ id }) => id);

  it("puts active ones first, the most severe of them, then the newest", () => {
    expect(ids(all)).toEqual(["new", "old", "low", "past"]);
  });

  it("filters by state, severity and text", () => {
    expect(ids({ ...all, state: "cleared" })).toEqual(["past"]);
    expect(ids({ ...all, severities: new Set(["low"] as const) })).toEqual(["low"]);
    expect(ids({ ...all, search: " PUMP-7 " })).toEqual(["old"]);
  });
});

describe("severities", () => {
  it("are those of core, in its order", () => {
    expect(SEVERITIES).toEqual(CORE_SEVERITIES);
    expect(SEVERITIES.map(severityRank)).toEqual([0, 1, 2, 3]);
  });
});
