import { describe, expect, it } from "vitest";
import { defineMap } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { T0, countingStage, message } from "../../support/counting-stage.ts";
import { deploy, loadByWord, reading } from "../../support/deployed-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";

type Redrive = Extract<ControlRecord, { kind: "redrive" }>;

/** Asks for the record of a dead letter to be run again, a minute after all others. */
function redrive(offset: number, record: LogRecord, fields: Partial<Redrive> = {}): LogRecord {
  return controlLogRecord(offset, T0 + 60_000, {
    v: 1,
    kind: "redrive",
    stage: "test",
    function: "parse",
    attempt: 1,
    tenant: "t",
    device: "a",
    source: { topic: "telemetry", partition: 0, offset: record.offset },
    received: record.timestamp,
    headers: [["format", "json"]],
    payload: Buffer.from(record.value).toString("base64"),
    ...fields,
  });
}

/** Fails as long as it is told to: the way in which code is corrected, which a test cannot deploy. */
function mendable(broken: { value: boolean }): StageDefinition {
  const check = defineMap<"telemetry">({
    name: "check",
    version: 1,
    input: "telemetry",
    outputs: ["device-events"],
    process(record, context) {
      if (broken.value) throw new RangeError("not yet");
      context.emit("device-events", { by: "check", received: context.receiveTime, format: record.header("format") });
    },
  });
  return { ...countingStage, functions: [...countingStage.functions, check] };
}

describe("a redrive", () => {
  const failed = message(0, "a", 0, 1);

  it("runs the function on the original record with its receive time and headers, and only that function", () => {
    const broken = { value: true };
    const stage = mendable(broken);
    const before = runStage([failed], { stage });
    expect(valuesOf(before, "dead-letters")).toMatchObject([{ function: "check" }]);
    broken.value = false;
    const run = runStage([redrive(1, failed, { function: "check" })], { stage });
    const event = { by: "check", received: T0, format: "json" };
    const told = {
      kind: "redriven",
      device: "a",
      detail: "check telemetry/0/0 attempt 1",
      ts: T0,
      received: T0 + 60_000,
    };
    expect(valuesOf(run, "device-events")).toEqual([event, expect.objectContaining(told)]);
    expect(valuesOf(run, "readings")).toEqual([]);
    expect(run.totals.get("t/a")).toBeUndefined();
    expect(run.totals.get("")).toMatchObject({ control: 1 });
  });

  it("runs all of the record when its function reads what another one of the stage makes", () => {
    const run = runStage([redrive(1, failed, { function: "counter" })], { stage: countingStage });
    expect(valuesOf(run, "readings")).toHaveLength(1);
    expect(run.totals.get("t/a")).toMatchObject({ processed: 0, valuesProduced: 1 });
  });

  it("of an edited record runs that one, and tells who has edited it", () => {
    const stage = mendable({ value: true });
    const payload = Buffer.from("edited").toString("base64");
    const asked = [redrive(1, failed, { function: "check", payload, editedBy: "admin" })];
    const run = runStage(asked, { stage });
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ function: "check", payload }]);
    expect(valuesOf(run, "device-events")).toMatchObject([
      { kind: "redriven", detail: "check telemetry/0/0 attempt 1, edited by admin" },
    ]);
  });

  it("of a reading that was made another device's is refused", () => {
    const functions = [deploy(0, "double", 1, "map")];
    const own = reading(1, "a", 1);
    const payload = Buffer.from(reading(1, "b", 1).value).toString("base64");
    const asked = redrive(2, own, { stage: "functions", function: "double", payload, editedBy: "admin" });
    const run = runStage([...functions, asked], { stage: FUNCTIONS_STAGE, load: loadByWord });
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ error: "the reading to be run again is another device's" }]);
    expect(valuesOf(run, "readings")).toEqual([]);
  });

  it("that fails is a dead letter of the original record again", () => {
    const stage = mendable({ value: true });
    const run = runStage([redrive(1, failed, { function: "check", attempt: 2 })], { stage });
    const source = { topic: "telemetry", partition: 0, offset: 0 };
    const payload = Buffer.from(failed.value).toString("base64");
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ function: "check", error: "not yet", source, payload }]);
    expect(run.totals.get("t/a")?.deadLettered ?? 0).toBe(0);
  });

  it("is run once for each attempt, also over a restart, and in no other stage", () => {
    const asked = [
      redrive(1, failed),
      redrive(2, failed),
      redrive(3, failed, { stage: "other" }),
      redrive(4, failed, { attempt: 2 }),
    ];
    for (const interruption of ["none", "restart", "snapshot"] as const) {
      const run = runStage(asked, { stage: countingStage, interrupt: () => interruption });
      expect(valuesOf(run, "readings")).toHaveLength(2);
    }
  });

  it("is refused beyond the last attempt, and of a function that is gone", () => {
    const beyond = redrive(1, failed, { attempt: LIMITS.redrivesPerDeadLetterMax + 1 });
    const run = runStage([beyond, redrive(2, failed, { function: "gone" })], { stage: countingStage });
    expect(valuesOf(run, "dead-letters")).toMatchObject([
      { function: "$control" },
      { function: "$control", error: expect.stringContaining('no function "gone" any more') },
    ]);
    expect(valuesOf(run, "readings")).toEqual([]);
  });

  it("that found no function is no attempt: asked for again it runs, once the function is there", () => {
    const failedReading = reading(0, "a", 1);
    const asked = (offset: number) => redrive(offset, failedReading, { stage: FUNCTIONS_STAGE.name, function: "f" });
    const records = [asked(1), deploy(2, "f", 1, "map"), asked(3), asked(4)];
    const run = runStage(records, { stage: FUNCTIONS_STAGE, load: loadByWord });
    expect(valuesOf(run, "dead-letters")).toMatchObject([
      { error: expect.stringContaining('no function "f" any more') },
    ]);
    expect(valuesOf(run, "readings")).toMatchObject([{ metrics: { twice: 2 } }]);
  });

  it("of more letters than a device remembers forgets the one of the oldest record, never its own", () => {
    const asked = (at: number, offset: number) =>
      redrive(at, failed, { source: { topic: "telemetry", partition: 0, offset } });
    const count = LIMITS.redrivesPerDeviceMax;
    const many = Array.from({ length: count }, (_, index) => asked(1 + index, 2000 + index));
    // In byte order this one is the first.
    const newest = asked(count + 1, 10_000);
    const again = [asked(count + 2, 10_000), asked(count + 3, 2001)];
    const run = runStage([...many, newest, ...again], { stage: countingStage });
    expect(valuesOf(run, "readings")).toHaveLength(count + 1);
    const forgotten = runStage([...many, newest, asked(count + 2, 2000)], { stage: countingStage });
    expect(valuesOf(forgotten, "readings")).toHaveLength(count + 2);
  });

  it("of a device that is removed or disabled does nothing", () => {
    const device = { tenant: "t", id: "a", type: null, labels: {}, disabled: true };
    const disabled = controlLogRecord(0, T0, { v: 1, kind: "device", revision: 1, removed: false, device });
    const run = runStage([disabled, redrive(1, failed)], { stage: countingStage });
    expect(outputBytes(run)).toEqual([]);
  });

  it("gets a verdict as a record does, and its dead letter is of the original", () => {
    const verdict = { offset: 1, step: 0, call: 1, errorClass: "TimeoutError", error: "too long" } as const;
    const run = runStage([redrive(1, failed)], { stage: countingStage, verdicts: [verdict] });
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ errorClass: "TimeoutError", source: { offset: 0 } }]);
  });

  it("in a stage that reads readings, runs the one function on the reading", () => {
    const emit = (name: string) =>
      defineMap<"readings">({
        name,
        version: 1,
        input: "readings",
        outputs: ["device-events"],
        process: ({ metrics }, context) => context.emit("device-events", { name, metrics }),
      });
    const stage: StageDefinition = { name: "test", input: "readings", functions: [emit("one"), emit("two")] };
    const value = { v: 1, tenant: "t", device: "a", ts: T0, received: T0, metrics: { x: 1 } };
    const original = logRecord({ offset: 0, timestamp: T0, key: "t/a", value });
    const run = runStage([redrive(1, original, { function: "two" })], { stage });
    expect(valuesOf(run, "device-events")[0]).toEqual({ name: "two", metrics: { x: 1 } });
    expect(valuesOf(run, "device-events")).toHaveLength(2);
  });
});
