import { describe, expect, it } from "vitest";
import { z } from "zod";
import { deadLetterSchema } from "../../../core/derived-records.ts";
import { defineMap, defineStream } from "../../../core/function.ts";
import { LIMITS } from "../../../core/limits.ts";
import { parseSourcePosition } from "../../../core/source-position.ts";
import { HEADER } from "../../../core/record.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { T0, message, reader, tick } from "../../support/counting-stage.ts";
import { logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";
import type { StageRun } from "../../support/stage-run.ts";

/** Every reading sets this many timers, a second apart, and tells how many have fired so far. */
const TIMERS = LIMITS.timersPerMessageMax + 500;

const clock = defineStream<"readings", number>({
  name: "clock",
  version: 1,
  input: "readings",
  outputs: ["device-events"],
  state: z.number(),
  onInput(reading, context) {
    context.emit("device-events", { reading: reading.ts, fired: context.state.get("fired") ?? 0 });
    for (let n = 1; n <= TIMERS; n += 1) context.timers.set(`t${n}`, reading.ts + n * 1000);
  },
  onTimer(name, at, context) {
    context.state.set("fired", (context.state.get("fired") ?? 0) + 1);
    context.emit("device-events", { timer: name, at });
  },
});
const stage: StageDefinition = { name: "test", input: "telemetry", functions: [reader, clock] };

const sourceOf = (run: StageRun, place: number) => {
  const header = new Map(run.outputs.get("device-events")?.[place]?.headers).get(HEADER.source);
  return parseSourcePosition(header ?? "");
};

describe("a message whose reading reaches more timers than a step may fire", () => {
  // One second after the last timer: all of them are reached at once.
  const records = [message(0, "a", 0, 1), tick(1, 0), message(2, "a", TIMERS + 1, 2, 0), message(3, "b", 0, 1)];

  it("has them fire first, each a step of its own, and is applied after them", () => {
    const run = runStage(records, { stage });
    const events = valuesOf(run, "device-events");
    expect(events).toHaveLength(TIMERS + 3);
    expect(events[TIMERS + 1]).toEqual({ reading: T0 + (TIMERS + 1) * 1000, fired: TIMERS });
    expect(sourceOf(run, 1)).toMatchObject({ offset: 2, step: 0, index: 0 });
    expect(sourceOf(run, TIMERS)).toMatchObject({ offset: 2, step: TIMERS - 1, index: 0 });
    expect(sourceOf(run, TIMERS + 1)).toMatchObject({ offset: 2, step: TIMERS });
    expect(run.totals.get("t/a")).toMatchObject({ processed: 2, deadLettered: 0 });
  });

  it("makes the same bytes wherever units end and the state is restored in between", () => {
    const whole = outputBytes(runStage(records, { stage }));
    for (const interruption of ["restart", "snapshot", "seal"] as const) {
      expect(outputBytes(runStage(records, { stage, interrupt: () => interruption }))).toEqual(whole);
    }
  });

  it("is a dead letter when it is not its first reading, and the ones after it go through", () => {
    const both: LogRecord = logRecord({
      offset: 1,
      timestamp: T0,
      key: "t/a",
      value: [
        { ts: T0 + 1, values: { t: 1 } },
        { ts: T0 + 7_200_000, values: { t: 2 } },
      ],
    });
    const later = logRecord({ offset: 2, timestamp: T0, key: "t/a", value: { ts: T0 + 7_200_000, values: { t: 3 } } });
    const twoStage: StageDefinition = { ...mainStage, functions: [...mainStage.functions, clock] };
    const first = logRecord({ offset: 0, timestamp: T0, key: "t/a", value: { ts: T0, values: { t: 0 } } });
    const ahead = [first, both, later].map((record) => ({ ...record, timestamp: T0 + 7_200_000 }));
    const run = runStage(ahead, { stage: twoStage });
    expect(valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value))).toMatchObject([
      { function: "$step", error: expect.stringContaining("send its readings one by one"), source: { offset: 1 } },
    ]);
    expect(run.totals.get("t/a")).toMatchObject({ processed: 2, deadLettered: 1 });
  });
});

describe("a step that makes more than a commit can carry", () => {
  const big = "x".repeat(LIMITS.stepBytesMax / 16);
  const hoarder = (how: "state" | "outputs") =>
    defineStream<"readings", string>({
      name: "hoarder",
      version: 1,
      input: "readings",
      outputs: ["device-events"],
      state: z.string(),
      onInput(reading, context) {
        const { x } = reading.metrics;
        const count = typeof x === "number" ? x : 0;
        for (let n = 0; n < count; n += 1) {
          if (how === "state") context.state.set(`s${n}`, big);
          else context.emit("device-events", { big });
        }
      },
    });

  it.each(["state", "outputs"] as const)("is a dead letter and leaves nothing: too much %s", (how) => {
    const functions = [reader, hoarder(how)];
    const run = runStage([message(0, "a", 0, 17), message(1, "a", 1, 2)], { stage: { ...stage, functions } });
    expect(valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value))).toMatchObject([
      { function: "$step", source: { offset: 0 } },
    ]);
    expect(run.totals.get("t/a")).toMatchObject({ processed: 1, deadLettered: 1, valuesProduced: 1 });
    expect(valuesOf(run, "readings")).toHaveLength(1);
  });

  it("counts a slot once, however often the step writes it", () => {
    const rewriting = defineStream<"readings", string>({
      ...hoarder("state"),
      onInput: (_, context) => {
        for (let n = 0; n < 20; n += 1) context.state.set("s", big);
      },
    });
    const run = runStage([message(0, "a", 0, 1)], { stage: { ...stage, functions: [reader, rewriting] } });
    expect(run.totals.get("t/a")).toMatchObject({ processed: 1, deadLettered: 0 });
  });
});

describe("a slot of state that is larger than may be written with every change", () => {
  it("is a dead letter that says what to do, whether it is set or changed in place, and the state is as before", () => {
    const growing = defineStream<"readings", { text: string }>({
      name: "growing",
      version: 1,
      input: "readings",
      outputs: ["device-events"],
      state: z.object({ text: z.string() }),
      onInput({ metrics: { x } }, context) {
        const state = context.state.get("s") ?? { text: "" };
        const before = { ...state };
        context.emit("device-events", { kept: before.text.length });
        state.text = "x".repeat(Number(x));
        if (before.text === "") context.state.set("s", state);
        else context.state.changed("s", before);
      },
    });
    const fits = LIMITS.stateSlotBytesMax - 100;
    const sizes = [LIMITS.stateSlotBytesMax, fits, LIMITS.stateSlotBytesMax, 1];
    const run = runStage(
      sizes.map((size, offset) => message(offset, "a", offset, size)),
      { stage: { ...stage, functions: [reader, growing] } },
    );
    const letters = valuesOf(run, "dead-letters").map((value) => deadLetterSchema.parse(value));
    expect(letters.map(({ source }) => source.offset)).toEqual([0, 2]);
    for (const { error } of letters) expect(error).toMatch(/its state would take .* Keep less/);
    expect(valuesOf(run, "device-events")).toEqual([{ kept: 0 }, { kept: fits }]);
  });
});

describe("a function of independent ones that makes more than a step may", () => {
  const emits = (name: string, count: number) =>
    defineMap<"readings">({
      name,
      version: 1,
      input: "readings",
      outputs: ["device-events"],
      process(_reading, context) {
        const detail = "x".repeat(1024 * 1024);
        for (let n = 0; n < count; n += 1) context.emit("device-events", { name, detail });
      },
    });
  const independent: StageDefinition = {
    name: "test",
    input: "readings",
    functions: [emits("much", 40), emits("one", 1)],
  };

  it("is named in its dead letter, so that a redrive runs it alone", () => {
    const value = { v: 1, tenant: "t", device: "a", ts: T0, received: T0, metrics: { x: 1 } };
    const run = runStage([logRecord({ offset: 0, timestamp: T0, key: "t/a", value })], { stage: independent });
    expect(valuesOf(run, "dead-letters")).toMatchObject([
      { function: "much", error: expect.stringContaining("at once") },
    ]);
    expect(valuesOf(run, "device-events")).toMatchObject([{ name: "one" }]);
  });
});
