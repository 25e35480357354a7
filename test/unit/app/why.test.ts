import { describe, expect, it } from "vitest";
import { createWhy } from "../../../app/why/explain.ts";
import { heldRange, readForward } from "../../../app/why/read-forward.ts";
import { alarmEventSchema, deadLetterSchema } from "../../../core/derived-records.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { defineMap } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER } from "../../../core/record.ts";
import { aggregate } from "../../../processors/aggregate.ts";
import { alarm } from "../../../processors/alarm.ts";
import { clean } from "../../../processors/clean/clean.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { LogRecord, RecordInput } from "../../../core/record.ts";
import type { Device } from "../../../core/registry.ts";
import type { StageDefinition } from "../../../core/stage.ts";
import type { TopicName } from "../../../core/topics.ts";
import type { MemoryEventLog } from "../../support/memory-event-log.ts";
import type { StageRun } from "../../support/stage-run.ts";

const T0 = Date.UTC(2026, 0, 1);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const TYPE = deviceTypeSchema.parse({ tenant: "t", id: "probe" });
const HOT = alarmRuleSchema.parse({
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

interface Sent {
  readonly device: string;
  /** Event time, s from T0; received then, or at `received`. */
  readonly at: number;
  readonly x: number;
  readonly received?: number;
}

const device = (id: string) => ({ tenant: "t", id, type: "probe", labels: {}, disabled: false });

/** What was sent, in the log with all that the stage made of it: in one partition, behind the configuration unless `without`. */
async function filledLog(
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

async function all(log: MemoryEventLog, topic: TopicName): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const { start, end } = await heldRange(log, topic, 0);
  await readForward(log, { topic, partition: 0 }, { from: start, to: end }, (record) => records.push(record) < 0);
  return records;
}

function whyOf(log: MemoryEventLog, run: StageRun, rules: readonly AlarmRule[] = [HOT]) {
  const raised = valuesOf(run, "alarms").map((value) => alarmEventSchema.parse(value));
  const registered: Device = {
    ...device("a"),
    name: "",
    gateway: false,
    provisions: false,
    via: null,
    createdAt: 0,
    lastSeen: null,
  };
  return createWhy({
    log,
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
  });
}

function idOfAlarm(run: StageRun, of = "a"): string {
  const events = valuesOf(run, "alarms").map((value) => alarmEventSchema.parse(value));
  return events.find((one) => one.device === of)?.id ?? "none";
}

const STORY: Sent[] = [
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

describe("why an alarm was raised", () => {
  it("is the messages from when its condition began, and the state that they met", async () => {
    const { log, run } = await filledLog(STORY);
    const explained = await whyOf(log, run).explain("t", { kind: "alarm", id: idOfAlarm(run), transition: "raised" });
    expect(explained).toMatchObject({ topic: "alarms", function: "alarm@1", isReproduced: true, notes: [] });
    expect(explained.messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics)).toEqual([
      { x: 60 },
      { x: 61 },
    ]);
    expect(explained.before).toMatchObject({ hot: { state: { phase: "pending", since: T0 + 5 * SECOND } } });
    expect(explained.after).toMatchObject({ hot: { state: { phase: "active" } } });
    expect(explained.messages.every(({ payload }) => !payload.includes("99"))).toBe(true);
  });

  it("is told of its clearing too", async () => {
    const { log, run } = await filledLog(STORY);
    const explained = await whyOf(log, run).explain("t", { kind: "alarm", id: idOfAlarm(run), transition: "cleared" });
    expect(explained).toMatchObject({ isReproduced: true, output: { transition: "cleared" } });
    expect(explained.messages.findLast(({ isCause }) => isCause)?.readings[0]?.metrics).toEqual({ x: 10 });
  });

  it("is not claimed when the rule was another one by then", async () => {
    const { log, run } = await filledLog(STORY, { startsAt: 1 });
    const other = { ...HOT, condition: { ...HOT.condition, value: 500 } } as AlarmRule;
    const explained = await whyOf(log, run, [other]).explain("t", {
      kind: "alarm",
      id: idOfAlarm(run),
      transition: "raised",
    });
    expect(explained.isReproduced).toBe(false);
    expect(explained.notes.join(" ")).toMatch(/Retention has deleted.*a rule or type was changed since/);
  });

  it("takes the configuration of the registry when retention has deleted its control record", async () => {
    const { log, run } = await filledLog(STORY, { startsAt: 1 });
    const explained = await whyOf(log, run).explain("t", { kind: "alarm", id: idOfAlarm(run), transition: "raised" });
    expect(explained.isReproduced).toBe(true);
  });

  it("cannot be told of an alarm that there is not, or of another tenant's", async () => {
    const { log, run } = await filledLog(STORY);
    const why = whyOf(log, run);
    await expect(why.explain("t", { kind: "alarm", id: "none", transition: "raised" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(why.explain("u", { kind: "alarm", id: idOfAlarm(run), transition: "raised" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("why an aggregate is what it is", () => {
  const question = { kind: "aggregate", device: "a", metric: "x", start: T0, size: MINUTE } as const;

  it("is the readings of its window, the late one too, as its last revision has them", async () => {
    const { log, run } = await filledLog(STORY);
    const explained = await whyOf(log, run).explain("t", question);
    expect(explained).toMatchObject({ isReproduced: true, output: { revision: 1, count: 6, max: 80 } });
    expect(
      explained.messages.filter(({ isCause }) => isCause).map(({ readings }) => readings[0]?.metrics["x"]),
    ).toEqual([20, 60, 61, 62, 10, 80]);
    expect(explained.messages.filter(({ isCause }) => !isCause)).toHaveLength(1);
  });

  it("is found behind many others", async () => {
    const before = Array.from({ length: 1000 }, (_, index) => ({ device: "b", at: index * 90, x: 1 }));
    const late = STORY.map((one) => ({ ...one, at: one.at + 90_000, received: (one.received ?? one.at) + 90_000 }));
    const { log, run } = await filledLog([...before, ...late]);
    const explained = await whyOf(log, run).explain("t", { ...question, start: T0 + 90_000 * SECOND });
    expect(explained).toMatchObject({ isReproduced: true, output: { count: 6 } });
    expect(explained.counts.records).toBeLessThan(100);
  });

  it("lists the first and the last of very many messages, and stops where too much lies on the way", async () => {
    const many = Array.from({ length: 1500 }, (_, index) => ({ device: "a", at: index / 25, x: 20 }));
    const { log, run } = await filledLog([...many, { device: "a", at: 70, x: 0 }]);
    const explained = await whyOf(log, run).explain("t", question);
    expect(explained.counts.causes).toBe(1500);
    expect(explained.messages).toHaveLength(LIMITS.whyMessagesMax);
    expect(explained.notes).toEqual([expect.stringMatching(/^Of 1501 messages the first and the last 500/)]);
    const all = { from: 0, to: 1502 };
    const read = readForward(log, { topic: "telemetry", partition: 0 }, all, () => false, {
      records: 1000,
      bytes: 1e6,
    });
    await expect(read).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", remedy: expect.stringMatching(/later output/) });
  });

  it("says when the messages, run again, give something else", async () => {
    const { log, run } = await filledLog(STORY);
    const broken = createMemoryEventLog({ partitionCount: 1 });
    for (const record of await all(log, "telemetry")) {
      const value = Buffer.from(Buffer.from(record.value).toString().replace('"x":61', '"x":68'));
      broken.appendNow("telemetry", 0, [{ ...record, value, headers: record.headers() }]);
    }
    for (const record of await all(log, "aggregates"))
      broken.appendNow("aggregates", 0, [{ ...record, headers: record.headers() }]);
    const explained = await whyOf(broken, run).explain("t", question);
    expect(explained.isReproduced).toBe(false);
    expect(explained.notes).toEqual([expect.stringMatching(/give another value/)]);
  });
});

describe("why a record became a dead letter", () => {
  it("is that record, with the state that it met", async () => {
    const { log, run } = await filledLog([...STORY, { device: "a", at: 80, x: 13 }]);
    const [letter] = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letter?.source.offset).toBe(11);
    const explained = await whyOf(log, run).explain("t", {
      kind: "dead-letter",
      topic: "telemetry",
      partition: 0,
      offset: 11,
    });
    expect(explained).toMatchObject({ function: "superstitious@3", isReproduced: true });
    expect(explained.messages.filter(({ isCause }) => isCause).map(({ offset, outcome }) => [offset, outcome])).toEqual(
      [[11, "deadLettered"]],
    );
  });
});
