import { createWhy } from "../../app/why/explain.ts";
import { heldRange, readForward } from "../../app/why/read-forward.ts";
import { alarmEventSchema } from "../../core/derived-records.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { defineMap } from "../../core/function.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { HEADER } from "../../core/record.ts";
import { aggregate } from "../../processors/aggregate.ts";
import { alarm } from "../../processors/alarm.ts";
import { clean } from "../../processors/clean/clean.ts";
import { createMemoryEventLog } from "./memory-event-log.ts";
import { runStage, valuesOf } from "./stage-run.ts";
import type { WhyCeilings, WhySources } from "../../app/why/explain.ts";
import type { WhyLog } from "../../app/why/read-forward.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";
import type { Device } from "../../core/registry.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { TopicName } from "../../core/topics.ts";
import type { MemoryEventLog } from "./memory-event-log.ts";
import type { StageRun } from "./stage-run.ts";

export const T0 = Date.UTC(2026, 0, 1);
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const TYPE = deviceTypeSchema.parse({ tenant: "t", id: "probe" });
export const HOT = alarmRuleSchema.parse({
  tenant: "t",
  id: "hot",
  name: "Hot",
  severity: "high",
  condition: { kind: "threshold", metric: "x", op: ">", value: 50, deadband: 5 },
  onDelayMs: 10 * SECOND,
});
/** Fails on 13. */
const superstitious = defineMap<"readings">({
  name: "superstitious",
  version: 3,
  input: "readings",
  outputs: [],
  process({ metrics }) {
    if (metrics["x"] === 13) throw new RangeError("13 is no number");
  },
});
const STAGE: StageDefinition = {
  name: "main",
  input: "telemetry",
  functions: [clean, superstitious, aggregate, alarm],
};

const NO_FUNCTIONS: WhySources["functions"] = {
  versions: () => Promise.reject(new MillraceError("NOT_FOUND", "there is no function")),
  code: () => Promise.reject(new MillraceError("NOT_FOUND", "there is no function")),
};

interface Sent {
  readonly device: string;
  /** Event time, s from T0; received then, or at `received`. */
  readonly at: number;
  readonly x: number;
  readonly received?: number;
}

const device = (id: string) => ({ tenant: "t", id, type: "probe", labels: {}, disabled: false });

/** What was sent, in the log with all that the stage made of it: in one partition, behind the configuration unless `without`. */
export async function filledLog(
  sent: readonly Sent[],
  { rules = [HOT], startsAt = 0 } = {},
): Promise<{ log: MemoryEventLog; run: StageRun }> {
  const log = createMemoryEventLog({ partitionCount: 1 });
  const config: ControlRecord = {
    v: 1,
    kind: "config-snapshot",
    revision: 7,
    types: [TYPE],
    rules: [...rules],
    devices: [device("a"), device("b")],
  };
  log.appendNow("telemetry", 0, [
    {
      timestamp: T0 - DAY,
      key: null,
      value: Buffer.from(JSON.stringify(config)),
      headers: [[HEADER.controlKind, config.kind]],
    },
    ...sent.map((one): RecordInput => {
      const value = Buffer.from(JSON.stringify({ ts: T0 + Math.round(one.at * SECOND), values: { x: one.x } }));
      return {
        timestamp: T0 + Math.round((one.received ?? one.at) * SECOND),
        key: `t/${one.device}`,
        value,
        headers: [],
      };
    }),
  ]);
  const run = runStage(await all(log, "telemetry"), { stage: STAGE });
  for (const [topic, records] of run.outputs) log.appendNow(topic, 0, records);
  if (startsAt > 0) log.trim("telemetry", 0, startsAt);
  return { log, run };
}

export async function all(log: MemoryEventLog, topic: TopicName): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const { start, end } = await heldRange(log, topic, 0);
  await readForward(log, { topic, partition: 0 }, { from: start, to: end }, (record) => records.push(record) < 0);
  return records;
}

export function whyOf(
  log: WhyLog,
  run: StageRun,
  rules: readonly AlarmRule[] = [HOT],
  ceilings: WhyCeilings = LIMITS,
  disabled = false,
) {
  const raised = valuesOf(run, "alarms").map((value) => alarmEventSchema.parse(value));
  const registered: Device = {
    ...device("a"),
    disabled,
    name: "",
    gateway: false,
    provisions: false,
    via: null,
    createdAt: 0,
    lastSeen: null,
  };
  const sources: WhySources = {
    log,
    joined: { explain: () => Promise.reject(new Error("nothing is joined")) },
    stages: [STAGE],
    alarms: {
      get: async (tenant, id) => {
        const event = raised.find((one) => one.tenant === tenant && one.id === id && one.transition === "raised");
        if (event === undefined) return null;
        const { device: of, rule, ruleName, severity, ts, message } = event;
        return {
          id,
          tenant,
          device: of,
          rule,
          ruleName,
          severity,
          active: true,
          raisedAt: ts,
          clearedAt: null,
          metric: null,
          value: null,
          message,
        };
      },
    },
    config: { types: async () => [TYPE], rules: async () => rules, tables: async () => [] },
    devices: { get: async (_tenant, id) => ({ ...registered, id }) },
    functions: NO_FUNCTIONS,
  };
  return createWhy(sources, ceilings);
}

export function idOfAlarm(run: StageRun, of = "a"): string {
  const events = valuesOf(run, "alarms").map((value) => alarmEventSchema.parse(value));
  return events.find((one) => one.device === of)?.id ?? "none";
}

export const STORY: Sent[] = [
  { device: "a", at: 0, x: 20 },
  { device: "b", at: 1, x: 99 },
  { device: "a", at: 5, x: 60 },
  { device: "b", at: 6, x: 99 },
  { device: "a", at: 10, x: 61 },
  { device: "a", at: 16, x: 62 },
  { device: "b", at: 30, x: 99 },
  { device: "a", at: 40, x: 10 },
  { device: "a", at: 70, x: 11 },
  { device: "a", at: 30, x: 80, received: 75 },
];
