import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { alarmEventSchema, deadLetterSchema } from "../../../core/derived-records.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER } from "../../../core/record.ts";
import { compareSourcePositions, parseSourcePosition } from "../../../core/source-position.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { ControlRecord, DeviceState } from "../../../core/control.ts";
import type { AlarmEvent } from "../../../core/derived-records.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageRun } from "../../support/stage-run.ts";

const T0 = Date.UTC(2026, 0, 1);

type Entry = ControlRecord | { readonly device: string; readonly t: number; readonly at?: number };

/** Records in order, ten seconds apart: control records, and messages `{t}`. */
function recordsOf(entries: readonly Entry[]): LogRecord[] {
  return entries.map((entry, offset) => {
    const timestamp = T0 + offset * 10_000;
    if ("kind" in entry) return controlLogRecord(offset, timestamp, entry);
    const value = { ts: entry.at ?? timestamp, values: { t: entry.t } };
    return logRecord({ offset, timestamp, key: `acme/${entry.device}`, value });
  });
}

function run(entries: readonly Entry[]): StageRun {
  return runStage(recordsOf(entries), { stage: mainStage });
}

function alarms(of: StageRun): AlarmEvent[] {
  return valuesOf(of, "alarms").map((value) => alarmEventSchema.parse(value));
}

function hotRule(fields: Partial<AlarmRule> = {}): AlarmRule {
  const condition = { kind: "threshold", metric: "t", op: ">", value: 50 };
  return alarmRuleSchema.parse({ tenant: "acme", id: "hot", name: "Hot", severity: "high", condition, ...fields });
}

function ruleControl(revision: number, fields: Partial<AlarmRule> = {}, removed = false): ControlRecord {
  return { v: 1, kind: "alarm-rule", revision, removed, rule: hotRule(fields) };
}

function deviceControl(revision: number, fields: Partial<DeviceState> = {}, removed = false): ControlRecord {
  const device = { tenant: "acme", id: "a", type: null, labels: {}, disabled: false, ...fields };
  return { v: 1, kind: "device", revision, removed, device };
}

function typeControl(revision: number, fields: object, removed = false): ControlRecord {
  const type = deviceTypeSchema.parse({ tenant: "acme", id: "probe", ...fields });
  return { v: 1, kind: "device-type", revision, removed, type };
}

const hot = { device: "a", t: 90 };

function compareTexts(a: string, b: string): number {
  const [one, two] = [parseSourcePosition(a), parseSourcePosition(b)];
  return one === null || two === null ? NaN : compareSourcePositions(one, two);
}

describe("a rule that comes through a control record", () => {
  it("applies from there on", () => {
    expect(alarms(run([hot, ruleControl(1), hot])).map(({ ts }) => ts)).toEqual([T0 + 20_000]);
  });

  it("does not apply to devices of another tenant, type or label", () => {
    const others = [{ tenant: "other" }, { select: { type: "probe" } }, { select: { labels: { hall: "3" } } }];
    for (const fields of others) expect(alarms(run([ruleControl(1, fields), hot]))).toEqual([]);
  });

  it("applies by type and label once the device has them", () => {
    const rule = ruleControl(1, { select: { type: "probe", labels: { hall: "3" } } });
    const device = deviceControl(2, { type: "probe", labels: { hall: "3", row: "1" } });
    expect(alarms(run([rule, hot, device, hot])).map(({ ts }) => ts)).toEqual([T0 + 30_000]);
  });

  it("is ignored when its revision is not above the known one", () => {
    const events = alarms(run([ruleControl(5), ruleControl(4, { enabled: false }), ruleControl(5, {}, true), hot]));
    expect(events).toHaveLength(1);
  });

  it("ends the active alarm when it changes, when it is removed and when it is disabled", () => {
    const ends = [ruleControl(2, { severity: "low" }), ruleControl(2, {}, true), ruleControl(2, { enabled: false })];
    for (const end of ends) {
      const events = alarms(run([ruleControl(1), hot, end]));
      expect(events.map(({ transition, reason }) => [transition, reason])).toEqual([
        ["raised", undefined],
        ["cleared", "rule-changed"],
      ]);
      expect(events[1]?.id).toBe(events[0]?.id);
      expect(events[1]?.severity).toBe("high");
    }
  });

  it("leaves the active alarm alone when it says the same again", () => {
    expect(alarms(run([ruleControl(1), hot, ruleControl(2)]))).toHaveLength(1);
  });
});

describe("a device that is removed", () => {
  const removal = [ruleControl(1), hot, deviceControl(2, {}, true), hot];

  it("has its alarm cleared and its state erased, and its messages quarantined", () => {
    const done = run(removal);
    expect(alarms(done).map(({ reason }) => reason)).toEqual([undefined, "device-removed"]);
    expect(done.totals.get("acme/a")).toMatchObject({ processed: 1, quarantined: 1 });
    expect(valuesOf(done, "quarantine")).toMatchObject([{ reason: "unknown-device" }]);
    const kept = stateNames(done).filter(([, key]) => key === "acme/a");
    expect(kept).toEqual([["$config", "acme/a", "device"]]);
    expect(done.state.nextTimer).toBeNull();
  });

  it("ends with an event that says up to where all of it is to be erased, for each removal", () => {
    const done = run([...removal, deviceControl(3), { device: "a", t: 91 }, deviceControl(4, {}, true)]);
    const events = done.outputs.get("device-events") ?? [];
    expect(valuesOf(done, "device-events")).toMatchObject([
      { tenant: "acme", device: "a", kind: "removed", received: T0 + 20_000 },
      { tenant: "acme", device: "a", kind: "removed", received: T0 + 60_000 },
    ]);
    const sources = events.map(({ headers }) => new Map(headers).get(HEADER.source) ?? "");
    const cleared = done.outputs.get("alarms")?.[1]?.headers ?? [];
    expect(compareTexts(new Map(cleared).get(HEADER.source) ?? "", sources[0] ?? "")).toBeLessThan(0);
    expect(sources.map((text) => parseSourcePosition(text)?.offset)).toEqual([2, 6]);
  });

  it("ends so too when it never sent anything that left a state, and when a snapshot lacks it", () => {
    expect(valuesOf(run([deviceControl(1), deviceControl(2, {}, true)]), "device-events")).toHaveLength(1);
    const without: ControlRecord = { v: 1, kind: "config-snapshot", revision: 9, types: [], rules: [], devices: [] };
    expect(valuesOf(run([deviceControl(1), hot, without]), "device-events")).toMatchObject([{ kind: "removed" }]);
  });

  it("leaves no payload behind that comes after its removal", () => {
    expect(valuesOf(run(removal), "quarantine")).toMatchObject([{ reason: "unknown-device", payload: "" }]);
  });

  it("takes its values, which are erased from the tables, out of what should be stored there", () => {
    const done = run([
      ...removal,
      deviceControl(3),
      { device: "a", t: 91 },
      deviceControl(4, {}, true),
      ruleControl(5),
    ]);
    expect(done.totals.get("acme/a")).toMatchObject({ valuesProduced: 2, valuesFiltered: 2, valuesQuarantined: 0 });
    const other = run([{ device: "b", t: 1 }, ...removal]);
    expect(other.totals.get("acme/b")).toMatchObject({ valuesProduced: 1, valuesFiltered: 0 });
  });

  it("can come back with a higher revision", () => {
    const done = run([...removal, deviceControl(3), { device: "a", t: 91 }]);
    expect(done.totals.get("acme/a")).toMatchObject({ processed: 2, quarantined: 1 });
    expect(alarms(done)).toHaveLength(3);
  });

  it("is refused while disabled, and not when a disabled one is enabled again", () => {
    const disabled = [deviceControl(1, { disabled: true }), hot, deviceControl(2), { device: "a", t: 91 }];
    expect(run(disabled).totals.get("acme/a")).toMatchObject({ processed: 1, quarantined: 1 });
  });
});

describe("a device type that comes through a control record", () => {
  it("checks values from there on", () => {
    const type = typeControl(1, { metrics: { t: { min: 0, max: 60 } } });
    const done = run([type, deviceControl(2, { type: "probe" }), { device: "a", t: 90 }, { device: "a", t: 20 }]);
    expect(done.totals.get("acme/a")).toMatchObject({ processed: 1, quarantined: 1, valuesQuarantined: 1 });
  });

  it("moves the timers of its devices: a shorter idle time closes windows at once", () => {
    const lazy = typeControl(1, { idleMs: 3_600_000, windowMs: [10_000] });
    const entries = [lazy, deviceControl(2, { type: "probe" }), { device: "a", t: 1 }];
    const tick: ControlRecord = { v: 1, kind: "tick" };
    expect(valuesOf(run([...entries, tick, tick]), "aggregates")).toEqual([]);
    const quick = typeControl(3, { idleMs: 0, windowMs: [10_000] });
    expect(valuesOf(run([...entries, tick, tick, quick]), "aggregates")).toHaveLength(1);
  });
});

describe("a configuration snapshot", () => {
  const device = { tenant: "acme", id: "a", type: null, labels: {}, disabled: false };
  const snapshot = (revision: number, rules: AlarmRule[]): ControlRecord => {
    return { v: 1, kind: "config-snapshot", revision, types: [], rules, devices: [device] };
  };

  it("replaces everything that it does not name", () => {
    const events = alarms(run([ruleControl(1), hot, snapshot(9, [])]));
    expect(events.map(({ transition }) => transition)).toEqual(["raised", "cleared"]);
  });

  it("does not take back what has a higher revision", () => {
    expect(alarms(run([ruleControl(10), hot, snapshot(9, [])]))).toHaveLength(1);
  });

  it("changes nothing when it says what holds already", () => {
    const whole = run([ruleControl(1), hot, snapshot(9, [hotRule()]), { device: "a", t: 95 }]);
    expect(alarms(whole)).toHaveLength(1);
  });
});

describe("a flush", () => {
  it("closes every window up to its time, and what comes later for them is late", () => {
    const flush: ControlRecord = { v: 1, kind: "flush", upTo: T0 + 3_600_000 };
    const done = run([{ device: "a", t: 1 }, { device: "b", t: 2 }, flush, { device: "a", t: 3 }]);
    expect(valuesOf(done, "aggregates")).toMatchObject([
      { device: "a", revision: 0, count: 1 },
      { device: "b", revision: 0, count: 1 },
      { device: "a", revision: 1, count: 2 },
    ]);
  });
});

describe("a bad control record", () => {
  const bad = (value: string): LogRecord[] => [
    logRecord({ offset: 0, timestamp: T0, key: null, value, headers: [[HEADER.controlKind, "alarm-rule"]] }),
    ...recordsOf([ruleControl(1), ruleControl(1), hot]).slice(1),
  ];

  it.each(["", "{", "[]", '{"v":1,"kind":"nonsense"}', '{"v":1,"kind":"alarm-rule"}', "\u0000"])(
    "%j becomes a dead letter, and the partition goes on",
    (value) => {
      const done = runStage(bad(value), { stage: mainStage });
      expect(deadLetterSchema.parse(valuesOf(done, "dead-letters")[0])).toMatchObject({
        function: "$control",
        tenant: "unknown",
      });
      expect(alarms(done)).toHaveLength(1);
      expect(done.totals.get("")).toMatchObject({ control: 2, deadLettered: 0 });
    },
  );
});

describe("a control record that concerns many devices", () => {
  it("takes several units, in key-byte order, with the same bytes however they are cut", { timeout: 60_000 }, () => {
    const devices = Array.from({ length: 2500 }, (_, index) => ({ device: `d${index}`, t: 90 }));
    const records = recordsOf([ruleControl(1), ...devices, ruleControl(2, {}, true), hot]);
    const whole = runStage(records, { stage: mainStage });
    const cut = runStage(records, { stage: mainStage, interrupt: (call) => (call > 2500 ? "restart" : "none") });
    const cleared = alarms(whole).filter(({ transition }) => transition === "cleared");
    expect(cleared.map(({ device }) => device)).toEqual(devices.map(({ device }) => device).sort());
    expect(outputBytes(cut).join("\n")).toBe(outputBytes(whole).join("\n"));
    const state = createStagePartition({ stage: mainStage, partition: 0, generation: 0 });
    const calls = records.map((record) => {
      let units = 1;
      for (; !state.process(record); units += 1) state.seal();
      return units;
    });
    expect(calls[2501]).toBeGreaterThan(2);
  });
});

function stateNames(of: StageRun): [string, string, string][] {
  return [...of.state.snapshotChunks()].flatMap(({ slots }) =>
    slots.map(({ fn, key, name }): [string, string, string] => [fn, key, name]),
  );
}

describe("a control record that is damaged half way through its keys", () => {
  it("leaves the next one its effect", () => {
    const devices = LIMITS.timersPerUnitMax + 10;
    const records = recordsOf(Array.from({ length: devices }, (_, n) => ({ device: `d${n}`, t: 90 })));
    const state = createStagePartition({ stage: mainStage, partition: 0, generation: 0 });
    for (const record of records) {
      state.process(record);
      state.seal();
    }
    const at = T0 + devices * 10_000;
    expect(state.process(controlLogRecord(devices, at, ruleControl(1)))).toBe(false);
    state.skipCorrupt(devices, devices + 1);
    while (!state.process(controlLogRecord(devices + 1, at + 1, ruleControl(2, { severity: "low" })))) state.seal();
    state.process(logRecord({ offset: devices + 2, timestamp: at + 2, key: "acme/a", value: { t: 90 } }));
    const raised = state.seal()?.outputs.get("alarms") ?? [];
    expect(
      raised.map(({ value }) => alarmEventSchema.parse(JSON.parse(new TextDecoder().decode(value))).severity),
    ).toEqual(["low"]);
  });
});
