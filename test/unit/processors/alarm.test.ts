import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { alarmEventSchema } from "../../../core/derived-records.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { AlarmEvent } from "../../../core/derived-records.ts";
import type { StageRun } from "../../support/stage-run.ts";

const T0 = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TYPE = deviceTypeSchema.parse({ tenant: "t", id: "air", metrics: { "PM2.5": { unit: "µg/m³" } } });

/** [minutes, value], received at once; or a control record. */
type Entry = readonly [minutes: number, value: number | boolean | null] | ControlRecord;

function ruleOf(fields: object): AlarmRule {
  return alarmRuleSchema.parse({ tenant: "t", id: "dust", name: "Dust", severity: "critical", ...fields });
}

const DUST = ruleOf({ condition: { kind: "threshold", metric: "PM2.5", op: ">", value: 150, deadband: 10 } });
const SILENT = ruleOf({ id: "silent", name: "Silent", condition: { kind: "no-data", afterMs: 30 * MINUTE } });

function runRules(rules: AlarmRule[], entries: readonly Entry[]): StageRun {
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

function events(rules: AlarmRule[], entries: readonly Entry[]): AlarmEvent[] {
  return valuesOf(runRules(rules, entries), "alarms").map((value) => alarmEventSchema.parse(value));
}

/** `+12` raised at minute 12, `-20` cleared at minute 20. */
function story(rules: AlarmRule[], entries: readonly Entry[]): string[] {
  return events(rules, entries).map(
    ({ transition, ts }) => `${transition === "raised" ? "+" : "-"}${(ts - T0) / MINUTE}`,
  );
}

function flush(minutes: number): ControlRecord {
  return { v: 1, kind: "flush", upTo: T0 + minutes * MINUTE };
}

describe("a threshold alarm", () => {
  it("is raised by the first value beyond, and cleared when the value is back by the deadband", () => {
    expect(
      story(
        [DUST],
        [
          [0, 150],
          [1, 151],
          [2, 200],
          [3, 141],
          [4, 140],
          [5, 150],
        ],
      ),
    ).toEqual(["+1", "-4"]);
  });

  it("waits for the on-delay, and forgets what did not last", () => {
    const rule = { ...DUST, onDelayMs: 3 * MINUTE };
    expect(
      story(
        [rule],
        [
          [0, 160],
          [1, 160],
          [2, 150],
          [3, 160],
          [4, 160],
          [5, 160],
          [7, 160],
        ],
      ),
    ).toEqual(["+6"]);
    expect(
      story(
        [rule],
        [
          [0, 160],
          [2, 160],
          [2.5, 150],
        ],
      ),
    ).toEqual([]);
  });

  it("waits for the off-delay, and stays when the value comes again meanwhile", () => {
    const rule = { ...DUST, offDelayMs: 3 * MINUTE };
    expect(
      story(
        [rule],
        [
          [0, 160],
          [1, 100],
          [2, 145],
          [3, 100],
          [9, 100],
        ],
      ),
    ).toEqual(["+0", "-6"]);
  });

  it("is raised by event time, however late the reading that follows", () => {
    expect(
      story(
        [{ ...DUST, onDelayMs: 3 * MINUTE }],
        [
          [0, 160],
          [600, 100],
        ],
      ),
    ).toEqual(["+3", "-600"]);
  });

  it("is raised for a device that has fallen silent", () => {
    expect(story([{ ...DUST, onDelayMs: 3 * MINUTE }], [[0, 160], flush(3)])).toEqual(["+3"]);
    expect(story([{ ...DUST, onDelayMs: 3 * MINUTE }], [[0, 160], flush(2)])).toEqual([]);
  });

  it("says what, how much and for how long, with the type's unit", () => {
    const rule = { ...DUST, onDelayMs: 3 * HOUR };
    const [raised, cleared] = events(
      [rule],
      [
        [0, 155],
        [60, 162],
        [200, 100],
      ],
    );
    expect(raised).toMatchObject({
      rule: "dust",
      ruleName: "Dust",
      severity: "critical",
      metric: "PM2.5",
      value: 162,
      since: T0,
      message: "PM2.5 162 µg/m³ > 150 for 3 h",
    });
    expect(cleared).toMatchObject({
      id: raised?.id,
      reason: "condition",
      value: 100,
      message: "PM2.5 100 µg/m³: no longer > 150, after 3 h 20 min",
    });
    expect(raised?.id).toMatch(/^[0-9a-f]{32}$/);
  });

  it("counts an older reading as late and does not apply it", () => {
    const run = runRules(
      [DUST],
      [
        [0, 100],
        [10, 160],
        [5, 100],
        [11, 160],
      ],
    );
    expect(valuesOf(run, "alarms")).toHaveLength(1);
    expect(run.totals.get("t/a")).toMatchObject({ lateForAlarm: 1, processed: 4 });
    expect(valuesOf(run, "device-events")).toMatchObject([{ kind: "late-for-alarm", ts: T0 + 5 * MINUTE }]);
  });

  it("does not look at readings without its metric, and counts booleans as 1 and 0", () => {
    expect(
      story(
        [DUST],
        [
          [0, 160],
          [5, null],
          [4, 100],
        ],
      ),
    ).toEqual(["+0", "-4"]);
    const leak = ruleOf({ condition: { kind: "threshold", metric: "leak", op: ">", value: 0 } });
    expect(
      story(
        [leak],
        [
          [0, false],
          [1, true],
          [2, false],
        ],
      ),
    ).toEqual(["+1", "-2"]);
  });

  it.each([
    [
      ">=",
      [
        [0, 149],
        [1, 150],
        [2, 140],
        [3, 139],
      ],
      ["+1", "-3"],
    ],
    [
      "<",
      [
        [0, 150],
        [1, 149],
        [2, 159],
        [3, 160],
      ],
      ["+1", "-3"],
    ],
    [
      "<=",
      [
        [0, 151],
        [1, 150],
        [2, 160],
        [3, 161],
      ],
      ["+1", "-3"],
    ],
  ] as const)("knows %s", (op, entries, expected) => {
    const rule = ruleOf({ condition: { kind: "threshold", metric: "PM2.5", op, value: 150, deadband: 10 } });
    expect(story([rule], entries)).toEqual(expected);
  });

  it("never gives two alarms one id, not even within one millisecond", () => {
    const all = events(
      [DUST],
      [
        [0, 160],
        [0, 100],
        [0, 161],
        [1, 100],
      ],
    );
    expect(all.map(({ transition }) => transition)).toEqual(["raised", "cleared", "raised", "cleared"]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(2);
  });
});

describe("a no-data alarm", () => {
  it("is raised when the device has been silent for so long, and cleared by its next reading", () => {
    expect(
      story(
        [SILENT],
        [
          [0, 1],
          [29, 1],
          [58, 1],
          [100, 1],
        ],
      ),
    ).toEqual(["+88", "-100"]);
    expect(story([SILENT], [[0, 1], flush(29)])).toEqual([]);
    expect(story([SILENT], [[0, 1], flush(30)])).toEqual(["+30"]);
  });

  it("is raised by ticks alone", () => {
    const run = runRules([SILENT], [[0, 1]]);
    const tick = { v: 1, kind: "tick" } as const;
    expect(run.state.nextTimer).toBe(T0 + 2 * MINUTE);
    run.state.process(controlLogRecord(2, T0 + 2 * MINUTE, tick));
    expect(run.state.process(controlLogRecord(3, T0 + 31 * MINUTE, tick))).toBe(true);
    expect(run.state.seal()?.outputs.get("alarms")).toHaveLength(1);
  });

  it("is raised for a device that was silent before the rule came", () => {
    const control: ControlRecord = { v: 1, kind: "alarm-rule", revision: 2, removed: false, rule: SILENT };
    expect(story([], [[0, 1], control, flush(40)])).toEqual(["+30"]);
  });

  it("is another alarm after its rule was changed", () => {
    const changed = { ...SILENT, name: "Quiet" };
    const control: ControlRecord = { v: 1, kind: "alarm-rule", revision: 2, removed: false, rule: changed };
    const all = events([SILENT], [[0, 1], flush(40), control, flush(50)]);
    expect(all.map(({ transition, reason }) => reason ?? transition)).toEqual(["raised", "rule-changed", "raised"]);
    expect(all[2]?.id).not.toBe(all[0]?.id);
  });

  it("says for how long", () => {
    const all = events(
      [SILENT],
      [
        [0, 1],
        [90, 1],
      ],
    );
    expect(all.map(({ message }) => message)).toEqual(["no data for 30 min", "data again after 1 h of alarm"]);
    expect(all[0]?.metric).toBeUndefined();
  });
});
