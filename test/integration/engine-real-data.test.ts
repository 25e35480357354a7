import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { noOutcomes, addOutcomes } from "../../core/ledger.ts";
import { alarm } from "../../processors/alarm.ts";
import { clean } from "../../processors/clean/clean.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { controlLogRecord, logRecord } from "../support/log-records.ts";
import { compareWithOracle } from "../support/oracle-comparison.ts";
import { loadBeijing, loadCampusIot, realDataMissing, recordedPayload } from "../support/real-data.ts";
import { outputBytes, runStage } from "../support/stage-run.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { LogRecord } from "../../core/record.ts";
import type { OracleMessage } from "../support/oracle-timeline.ts";
import type { RecordedMessage } from "../support/real-data.ts";
import type { StageRun } from "../support/stage-run.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TYPE = deviceTypeSchema.parse({ tenant: "t", id: "recorded", windowMs: [MINUTE, HOUR] });
/** Seconds on a quiet machine. */
const TIMEOUT_MS = 180_000;

const missing = realDataMissing();
const why = missing === null ? "" : ` (skipped: ${missing})`;

function rule(id: string, condition: object, delays: Partial<AlarmRule> = {}): AlarmRule {
  return alarmRuleSchema.parse({ tenant: "t", id, name: id, severity: "high", condition, ...delays });
}

const SILENT = rule("silent", { kind: "no-data", afterMs: DAY });
const CAMPUS_RULES = [
  rule("battery-low", { kind: "threshold", metric: "battery", op: "<", value: 3600, deadband: 50 }),
  SILENT,
];
const BEIJING_RULES = [
  rule("pm25", { kind: "threshold", metric: "PM2.5", op: ">", value: 150, deadband: 10 }, { onDelayMs: 3 * HOUR }),
  SILENT,
];

interface Replay {
  readonly records: readonly LogRecord[];
  readonly messages: readonly OracleMessage[];
  readonly flushUpTo: number;
}

function replayOf(recorded: readonly RecordedMessage[], rules: readonly AlarmRule[]): Replay {
  const start = recorded[0]?.received ?? 0;
  const ids = [...new Set(recorded.map(({ device }) => device))];
  const devices = ids.map((id) => ({ tenant: "t", id, type: TYPE.id, labels: {}, disabled: false }));
  const snapshot: ControlRecord = {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: [TYPE],
    rules: [...rules],
    devices,
  };
  const records = [controlLogRecord(0, start, snapshot)];
  const seen = new Set<string>();
  const messages = recorded.map((message): OracleMessage => {
    const { device, ts, received, values } = message;
    const payload = recordedPayload(message);
    records.push(logRecord({ offset: records.length, timestamp: received, key: `t/${device}`, value: payload }));
    const known = seen.has(device + payload);
    seen.add(device + payload);
    return { device, received, readings: known ? [] : [{ ts, values }] };
  });
  const flushUpTo = Math.max(...recorded.slice(-1000).map(({ ts }) => ts)) + 2 * DAY;
  const end = recorded.at(-1)?.received ?? start;
  records.push(controlLogRecord(records.length, end, { v: 1, kind: "flush", upTo: flushUpTo }));
  return { records, messages, flushUpTo };
}

function sumOf(run: StageRun): Outcomes {
  const sum = noOutcomes();
  for (const outcomes of run.totals.values()) addOutcomes(sum, outcomes);
  return sum;
}

describe.skipIf(missing !== null)(`recorded data through the main stage${why}`, () => {
  it("gives CampusIoT's aggregates and alarms as the oracle has them", { timeout: TIMEOUT_MS }, () => {
    const recorded = loadCampusIot();
    const replay = replayOf(recorded, CAMPUS_RULES);
    const run = runStage(replay.records, { stage: mainStage, keep: ["aggregates", "alarms"] });
    const compared = compareWithOracle(run, replay.messages, {
      time: TYPE,
      sizes: TYPE.windowMs,
      rules: CAMPUS_RULES,
      flushUpTo: replay.flushUpTo,
    });
    const sum = sumOf(run);
    expect(recorded.length).toBe(38_416);
    expect(sum.processed + sum.duplicate).toBe(recorded.length);
    expect(compared.windows).toBeGreaterThan(100_000);
    expect(compared.alarms).toBeGreaterThan(50);
  });

  it("gives Beijing's aggregates as the oracle has them", { timeout: TIMEOUT_MS }, () => {
    const replay = replayOf(loadBeijing().slice(0, 6000), BEIJING_RULES);
    const run = runStage(replay.records, { stage: mainStage, keep: ["aggregates", "alarms"] });
    const { flushUpTo } = replay;
    const compared = compareWithOracle(run, replay.messages, {
      time: TYPE,
      sizes: TYPE.windowMs,
      rules: BEIJING_RULES,
      flushUpTo,
    });
    expect(compared.windows).toBeGreaterThan(100_000);
  });

  it("gives the alarms of four years in Beijing as the oracle has them", { timeout: TIMEOUT_MS }, () => {
    const recorded = loadBeijing();
    const replay = replayOf(recorded, BEIJING_RULES);
    const stage = { ...mainStage, functions: [clean, alarm] };
    const run = runStage(replay.records, { stage, keep: ["alarms"] });
    const { flushUpTo } = replay;
    const compared = compareWithOracle(run, replay.messages, {
      time: TYPE,
      sizes: [],
      rules: BEIJING_RULES,
      flushUpTo,
    });
    expect(recorded.length).toBe(420_768);
    expect(sumOf(run).processed).toBe(recorded.length);
    expect(compared.alarms).toBeGreaterThan(1000);
  });

  it("gives the same bytes when the run is cut into units and restored", { timeout: TIMEOUT_MS }, () => {
    const replay = replayOf(loadCampusIot().slice(0, 4000), CAMPUS_RULES);
    const whole = runStage(replay.records, { stage: mainStage });
    const broken = runStage(replay.records, {
      stage: mainStage,
      interrupt: (call) => (call % 997 === 0 ? "snapshot" : call % 331 === 0 ? "restart" : "none"),
    });
    expect(outputBytes(broken).join("\n") === outputBytes(whole).join("\n")).toBe(true);
  });
});
