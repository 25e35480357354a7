import { describe, expect, it } from "vitest";
import { defineMap } from "../../../core/function.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { T0, countingStage, message, tick } from "../../support/counting-stage.ts";
import { logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";
import type { Verdict } from "../../../core/verdict.ts";

const stage = countingStage;
const TOO_LONG = { errorClass: "TimeoutError", error: "it ran for more than 1000 ms" } as const;
const INTERRUPTIONS = ["none", "seal", "snapshot", "restart", "restart-unsealed"] as const;

/** Record 2 reaches the timer that record 0 has set, within its own step; record 4 lets time fire that of "b". */
const records = [
  message(0, "a", 0, 1),
  message(1, "b", 0, 1),
  message(2, "a", 20, 2),
  message(3, "b", 1, 3),
  tick(4, 200),
  message(5, "a", 40, 4),
];
const condemned = (offset: number, step: number, call: number): Verdict => ({ offset, step, call, ...TOO_LONG });

describe("a verdict", () => {
  it("on a record: a dead letter with the original bytes, and no other trace of it", () => {
    const without = records.filter(({ offset }) => offset !== 3);
    const run = runStage(records, { stage, verdicts: [condemned(3, 0, 1)] });
    const letter = {
      device: "b",
      function: "parse",
      ...TOO_LONG,
      stack: "",
      source: { topic: "telemetry", partition: 0, offset: 3 },
      payload: Buffer.from(records[3]?.value ?? "").toString("base64"),
    };
    expect(valuesOf(run, "dead-letters")).toEqual([expect.objectContaining(letter)]);
    expect(run.totals.get("t/b")).toMatchObject({ processed: 1, deadLettered: 1, valuesProduced: 1 });
    expect(outputBytes(run).filter((text) => !text.startsWith("dead-letters"))).toEqual(
      outputBytes(runStage(without, { stage })),
    );
  });

  it("on a call within another's: names the function that it was, and undoes all of the record", () => {
    const run = runStage(records, { stage, verdicts: [condemned(3, 0, 2)] });
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ function: "counter", version: 3, ...TOO_LONG }]);
    expect(run.totals.get("t/b")).toMatchObject({ processed: 1, deadLettered: 1, valuesProduced: 1 });
  });

  it("on a timer that a record reaches: the timer is gone, the record is processed", () => {
    const run = runStage(records, { stage, verdicts: [condemned(2, 0, 2)] });
    const timer = { name: "later", at: T0 + 10_000 };
    expect(valuesOf(run, "dead-letters")).toEqual([
      expect.objectContaining({ function: "counter", timer, payload: "" }),
    ]);
    expect(run.totals.get("t/a")).toMatchObject({ processed: 3, deadLettered: 0 });
  });

  it("on a timer that fires by itself: only that one", () => {
    const run = runStage(records, { stage, verdicts: [condemned(4, 1, 1)] });
    const all = runStage(records, { stage });
    expect(valuesOf(run, "dead-letters")).toHaveLength(1);
    expect(valuesOf(run, "device-events")).toHaveLength(valuesOf(all, "device-events").length - 1);
  });

  it("gives the same bytes wherever units end and the state is restored in between", () => {
    const verdicts = [condemned(2, 0, 2), condemned(3, 0, 1), condemned(4, 0, 1), condemned(4, 1, 1)];
    const whole = outputBytes(runStage(records, { stage, verdicts }));
    expect(whole.filter((text) => text.startsWith("dead-letters"))).toHaveLength(4);
    for (const interruption of INTERRUPTIONS) {
      // Never before something is sealed: it would go on for ever.
      const interrupt = (call: number) => (call % 2 === 0 ? interruption : "seal");
      expect(outputBytes(runStage(records, { stage, verdicts, interrupt }))).toEqual(whole);
    }
  });

  it("is a unit of its own, and is gone from the state when its record is done", () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 });
    state.condemn(condemned(0, 0, 1));
    expect(state.isSealed).toBe(false);
    const unit = state.seal()?.body;
    expect(unit).toMatchObject({ from: { offset: 0, step: 0 }, next: { offset: 0, step: 0 }, outcomes: [] });
    expect(unit?.slots).toHaveLength(1);
    expect(state.seal()).toBeNull();
    state.process(message(0, "a", 0, 1));
    expect(state.seal()?.body.slots).toContainEqual({ fn: "$partition", key: "", name: "verdicts", value: null });
  });
});

it("whoever watches learns of every call, and of its end", () => {
  const marks: string[] = [];
  const mark = (...at: number[]): void => void marks.push(at.join(" "));
  runStage(records.slice(0, 3), { stage, marker: { mark } });
  // The reading that "parse" emits goes to "counter" within its call; record 2 fires the timer in between.
  expect(marks.slice(0, 4)).toEqual(["0 0 0 1", "0 0 0 2", "0 0 0 1", "0 0 0 0"]);
  expect(marks.slice(8)).toEqual(["0 2 0 1", "0 2 0 2", "0 2 0 1", "0 2 0 3", "0 2 0 1", "0 2 0 0"]);
});

describe("functions that read the same topic", () => {
  const square = defineMap<"readings">({
    name: "square",
    version: 1,
    input: "readings",
    outputs: ["readings"],
    process(reading, context) {
      const { x } = reading.metrics;
      if (x === "boom") throw new RangeError("no number");
      if (typeof x === "number") context.emit("readings", { ...reading, metrics: { square: x * x } });
    },
  });
  const report = defineMap<"readings">({
    name: "report",
    version: 1,
    input: "readings",
    outputs: ["device-events"],
    process(reading, context) {
      if (reading.metrics["x"] === 4) throw new TypeError("four");
      context.emit("device-events", { metrics: reading.metrics });
    },
  });
  const independent: StageDefinition = { name: "test", input: "readings", functions: [square, report] };
  const reading = (offset: number, x: number | string): LogRecord => {
    const value = { v: 1, tenant: "t", device: "a", ts: T0 + offset, received: T0 + offset, metrics: { x } };
    return logRecord({ offset, timestamp: T0 + offset, key: "t/a", value });
  };

  it("fail alone: what the others make of the record stays", () => {
    const run = runStage([reading(0, "boom"), reading(1, 3)], { stage: independent });
    const source = { topic: "readings", partition: 0, offset: 0 };
    const payload = Buffer.from(reading(0, "boom").value).toString("base64");
    expect(valuesOf(run, "dead-letters")).toEqual([expect.objectContaining({ function: "square", source, payload })]);
    expect(valuesOf(run, "device-events")).toHaveLength(2);
    expect(run.totals.get("t/a")).toMatchObject({ processed: 1, deadLettered: 1 });
  });

  it("read only that topic, and keep what they made when a later one fails on the record", () => {
    const run = runStage([reading(0, 4), reading(1, 2)], { stage: independent });
    expect(valuesOf(run, "readings")).toMatchObject([{ metrics: { square: 16 } }, { metrics: { square: 4 } }]);
    expect(valuesOf(run, "dead-letters")).toMatchObject([{ function: "report", error: "four" }]);
    expect(valuesOf(run, "device-events")).toEqual([{ metrics: { x: 2 } }]);
  });
});
