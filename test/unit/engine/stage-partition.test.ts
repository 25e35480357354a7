import { describe, expect, it } from "vitest";
import { z } from "zod";
import { deadLetterSchema } from "../../../core/derived-records.ts";
import { defineMap, defineStream } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER } from "../../../core/record.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { T0, counter, message, reader, countingStage as stage, tick } from "../../support/counting-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import type { RecordInput } from "../../../core/record.ts";
import type { TopicName } from "../../../core/topics.ts";
import type { StageDefinition } from "../../../core/stage.ts";
import type { StagePartition } from "../../../engine/stage-partition.ts";

describe("a record that makes a function throw", () => {
  it("becomes a dead letter, and leaves no state, output or count behind", () => {
    const run = runStage([message(0, "a", 0, 1), message(1, "a", 1, "boom"), message(2, "a", 2, 2)], { stage });
    const [letter] = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letter).toMatchObject({
      tenant: "t",
      device: "a",
      function: "parse",
      version: 1,
      error: "the value is boom",
      errorClass: "RangeError",
      source: { topic: "telemetry", partition: 0, offset: 1 },
    });
    expect(Buffer.from(letter?.payload ?? "", "base64").toString()).toContain("boom");
    expect(valuesOf(run, "readings")).toHaveLength(2);
    expect(run.totals.get("t/a")).toMatchObject({ processed: 2, deadLettered: 1, valuesProduced: 2 });
    const slots = [...run.state.snapshotChunks()].flatMap((chunk) => chunk.slots);
    expect(slots.find(({ name }) => name === "n")?.value).toBe("2");
  });

  it("leaves a stack that says where, without this machine's folders", () => {
    const run = runStage([message(0, "a", 1, "boom")], { stage });
    const [letter] = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letter?.stack).toMatch(/^at .*process \(counting-stage\.ts:\d+:\d+\)$/);
  });

  it("is not processed when what it emits is no JSON, or goes where the function may not write", () => {
    const run = runStage([message(0, "a", 0, "nan"), message(1, "a", 1, "foreign")], { stage });
    const letters = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letters.map(({ function: name }) => name)).toEqual(["counter", "counter"]);
    expect(letters[0]?.error).toContain("NaN");
    expect(letters[1]?.error).toContain("alarms");
    expect(valuesOf(run, "readings")).toEqual([]);
  });

  it("cannot hide the failure of a later function by catching it", () => {
    const catching = defineMap<"telemetry">({
      ...reader,
      process(record, context) {
        try {
          reader.process(record, context);
        } catch {
          context.count("quarantined");
        }
      },
    });
    const run = runStage([message(0, "a", 0, "nan")], { stage: { ...stage, functions: [catching, counter] } });
    expect(run.totals.get("t/a")).toMatchObject({ deadLettered: 1, quarantined: 0 });
  });

  it("is a dead letter of nobody's when its key names no device", () => {
    const bad = logRecord({ offset: 0, timestamp: T0, key: "no slash", value: "{}" });
    const run = runStage([bad], { stage });
    expect(deadLetterSchema.parse(valuesOf(run, "dead-letters")[0])).toMatchObject({
      tenant: "unknown",
      function: "$input",
    });
    expect(run.totals.get("no slash")?.deadLettered).toBe(1);
  });
});

describe("a timer", () => {
  it("fires when a reading's event time reaches it, before that reading is applied", () => {
    const run = runStage([message(0, "a", 0, 1), message(1, "a", 10, 2)], { stage });
    expect(valuesOf(run, "device-events")).toEqual([
      { v: 1, timer: "later", at: T0 + 10_000, n: 1, watermark: T0 + 10_000, device: "a" },
    ]);
  });

  it("fires for a silent key when partition time has moved on by as much and the idle time", () => {
    const early = runStage([message(0, "a", 0, 1), tick(1, 69)], { stage });
    expect(valuesOf(early, "device-events")).toEqual([]);
    expect(early.state.nextTimer).toBe(T0 + 70_000);
    const due = runStage([message(0, "a", 0, 1), tick(1, 70)], { stage });
    expect(valuesOf(due, "device-events")).toHaveLength(1);
    expect(due.state.nextTimer).toBeNull();
    expect(due.outputs.get("device-events")?.[0]?.timestamp).toBe(T0 + 70_000);
  });

  it("fires in the order in which timers became due over all keys, then key bytes", () => {
    const records = [message(0, "b", 5, 1), message(1, "c", 0, 1, 5), message(2, "a", 5, 1), tick(3, 200)];
    const run = runStage(records, { stage });
    const devices = valuesOf(run, "device-events").map((value) => JSON.stringify(value).match(/"device":"(.)"/)?.[1]);
    expect(devices).toEqual(["a", "b", "c"]);
  });

  it("that throws leaves a dead letter with its name, and is gone with what it had changed", () => {
    const run = runStage([message(0, "a", 0, -1), tick(1, 70), tick(2, 500)], { stage });
    const letters = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({
      function: "counter",
      version: 3,
      timer: { name: "later", at: T0 + 10_000 },
      payload: "",
    });
    expect(valuesOf(run, "device-events")).toEqual([]);
    const names = [...run.state.snapshotChunks()].flatMap(({ slots }) => slots.map(({ name }) => name));
    expect(names).not.toContain("fired");
    expect(names.filter((name) => name.startsWith("@timer"))).toEqual([]);
  });

  it("is set again when the record whose event time fired it is undone", () => {
    const records = [message(0, "a", 0, 1), message(1, "a", 20, "boom"), tick(2, 300)];
    const run = runStage(records, { stage });
    expect(valuesOf(run, "device-events")).toHaveLength(1);
    expect(run.outputs.get("device-events")?.[0]?.timestamp).toBe(T0 + 300_000);
  });

  it("cannot set one that is not later, which would never end", () => {
    const looping: StageDefinition = {
      ...stage,
      functions: [reader, { ...counter, onTimer: (name, at, context) => context.timers.set(name, at) }],
    };
    const run = runStage([message(0, "a", 0, 1), tick(1, 100)], { stage: looping });
    expect(deadLetterSchema.parse(valuesOf(run, "dead-letters")[0]).error).toContain("only set later ones");
  });
});

describe("the steps of a record", () => {
  const devices = LIMITS.timersPerUnitMax * 2 + 100;
  const SLOW = { timeout: 60_000 };
  const many = Array.from({ length: devices }, (_, index) => message(index, `d${index}`, 0, 1));

  it("are one for each timer, and the record waits while a unit is full of them", SLOW, () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 });
    for (const record of many) expect(state.process(record)).toBe(true);
    const last = tick(devices, 100);
    state.seal();
    expect(state.process(last)).toBe(false);
    expect(state.next).toEqual({ offset: devices, step: LIMITS.timersPerUnitMax });
    expect(state.seal()?.outputs.get("device-events")).toHaveLength(LIMITS.timersPerUnitMax);
    expect(state.process(last)).toBe(false);
    state.seal();
    expect(state.process(last)).toBe(true);
    expect(state.next).toEqual({ offset: devices + 1, step: 0 });
  });

  it("fill a unit by their bytes too, and go on by themselves when nobody ends it", () => {
    const wide: StageDefinition = {
      ...stage,
      functions: [reader, { ...counter, onTimer: (_, __, context) => context.emit("device-events", { big }) }],
    };
    const big = "x".repeat(LIMITS.unitBytesMax / 2);
    const run = (): StagePartition => {
      const state = createStagePartition({ stage: wide, partition: 0, generation: 0 });
      for (let n = 0; n < 10; n += 1) state.process(message(n, `d${n}`, 0, 1));
      state.seal();
      return state;
    };
    const sealing = run();
    let units = 0;
    while (!sealing.process(tick(10, 100))) {
      const draft = sealing.seal();
      expect(draft?.outputs.get("device-events")).toHaveLength(2);
      units += 1;
    }
    expect(units).toBe(4);
    const careless = run();
    let calls = 1;
    while (!careless.process(tick(10, 100))) calls += 1;
    expect(calls).toBeLessThanOrEqual(10);
    expect(careless.seal()?.outputs.get("device-events")).toHaveLength(10);
  });

  it("count a state by its size, once it has been written down", () => {
    const text = "x".repeat(100_000);
    const hoarder = defineStream<"readings", string>({
      name: "hoarder",
      version: 1,
      input: "readings",
      outputs: [],
      state: z.string(),
      onInput: (_, context) => context.state.set("all", text),
    });
    const hoarding: StageDefinition = { ...stage, functions: [reader, hoarder] };
    const state = createStagePartition({ stage: hoarding, partition: 0, generation: 0 });
    state.process(message(0, "a", 0, 1));
    state.seal();
    const before = state.pendingBytes;
    state.process(message(1, "a", 1, 1));
    expect(state.pendingBytes - before).toBeGreaterThan(100_000);
  });

  it("may end a unit, and a restart goes on with the next one", SLOW, () => {
    const flush = controlLogRecord(devices, T0 + 1000, { v: 1, kind: "flush", upTo: T0 + 20_000 });
    const records = [...many, flush, message(devices + 1, "d1", 30, 1)];
    const whole = runStage(records, { stage });
    const broken = runStage(records, {
      stage,
      interrupt: (call) => (call > devices || call % 500 === 0 ? "restart" : "none"),
    });
    expect(valuesOf(whole, "device-events")).toHaveLength(devices);
    expect(outputBytes(broken)).toEqual(outputBytes(whole));
    expect(broken.units).toBeGreaterThan(6);
  });
});

describe("an output", () => {
  it("carries its source position, the function that made it and the input's receive time", () => {
    const run = runStage([tick(0, 0), message(1, "a", 1, 1, 3)], { stage, partition: 7 });
    const [record] = run.outputs.get("readings") ?? [];
    expect(record?.key).toBe("t/a");
    expect(record?.timestamp).toBe(T0 + 3000);
    expect(record?.headers).toEqual([
      [HEADER.source, "test telemetry 7 0 1 0 0"],
      [HEADER.functionVersion, "parse@1"],
    ]);
  });

  it("tells in its source position of which timer, or of the record after them, it is", () => {
    const run = runStage([message(0, "a", 0, 1), message(1, "b", 0, 1), message(2, "c", 100, 1)], { stage });
    const sources = [...(run.outputs.get("device-events") ?? []), ...(run.outputs.get("readings") ?? []).slice(2)];
    expect(sources.map(({ headers }) => headers[0]?.[1])).toEqual([
      "test telemetry 0 0 2 0 0",
      "test telemetry 0 0 2 1 0",
      "test telemetry 0 0 2 2 0",
    ]);
  });
});

describe("the ledger of a partition", () => {
  it("counts each message once, corrupt offsets and control records under no device", () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 });
    state.process(message(0, "a", 0, 1));
    state.process(message(1, "a", 1, "dup"));
    state.process(tick(2, 2));
    state.skipCorrupt(3, 8);
    expect(state.pendingRecords).toBe(8);
    expect(state.next).toEqual({ offset: 8, step: 0 });
    expect(state.totals().get("t/a")).toMatchObject({ processed: 1, duplicate: 1 });
    expect(state.totals().get("")).toMatchObject({ control: 1, corrupt: 5 });
    expect(state.seal()?.body.outcomes).toContainEqual(["", { control: 1, corrupt: 5 }]);
    expect(state.seal()).toBeNull();
  });

  it("refuses counts that are the engine's", () => {
    const cheating = defineMap<"telemetry">({
      ...reader,
      process: (_record, context) => context.count("processed", 5),
    });
    const run = runStage([message(0, "a", 0, 1)], { stage: { ...stage, functions: [cheating] } });
    expect(run.totals.get("t/a")).toMatchObject({ processed: 0, deadLettered: 1 });
  });
});

/** Without the buffers that they lie in, which hold those of others too. */
function plain(outputs: ReadonlyMap<TopicName, readonly RecordInput[]>) {
  return [...outputs].map(([topic, records]) => [topic, records.map((record) => encodeRecordBatch([record]))]);
}

describe("whoever keeps no units", () => {
  it("gets the same outputs, and leaves the same state", () => {
    const records = Array.from({ length: 40 }, (_, n) => message(n, `d${n % 3}`, n, n % 7 === 6 ? "boom" : n));
    const state = createStagePartition({ stage, partition: 0, generation: 0 });
    const outputs = new Map<TopicName, RecordInput[]>();
    for (const [index, record] of [...records, tick(40, 100)].entries()) {
      while (!state.process(record)) throw new Error("nothing of this fills a unit");
      if (index % 4 !== 0) continue;
      for (const [topic, some] of state.takeOutputs()) outputs.set(topic, [...(outputs.get(topic) ?? []), ...some]);
      expect(state.isSealed).toBe(true);
      expect(state.seal()).toBeNull();
    }
    const run = runStage([...records, tick(40, 100)], { stage });
    expect(outputs.get("readings")?.length).toBeGreaterThan(20);
    expect(outputs.get("dead-letters")?.length).toBeGreaterThan(3);
    expect(plain(outputs)).toEqual(plain(run.outputs));
    expect([...state.snapshotChunks()]).toEqual([...run.state.snapshotChunks()]);
  });
});
