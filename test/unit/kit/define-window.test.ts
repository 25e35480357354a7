import { describe, expect, expectTypeOf, it } from "vitest";
import { aggregateSchema } from "../../../core/derived-records.ts";
import { LIMITS } from "../../../core/limits.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { calendar, count, defineStream, hopping, session, sliding, tumbling, z } from "../../../kit/function.ts";
import { readingRecord, runFunctions, stageOf, START } from "../../support/function-run.ts";
import { valuesOf } from "../../support/stage-run.ts";
import type { FunctionRun } from "../../support/function-run.ts";

const MINUTE = 60_000;
const sums = {
  name: "sums",
  input: z.object({ x: z.number() }),
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }: { sum: number }, { metrics: { x } }: { metrics: { x: number } }) => ({ sum: sum + x }),
  result: ({ sum }: { sum: number }) => ({ sum }),
} as const;
const merge = (a: { sum: number }, b: { sum: number }) => ({ sum: a.sum + b.sum });

const x = (minutes: number, value: number) => ({ at: minutes * MINUTE, metrics: { x: value } });

function aggregates({ run }: FunctionRun): unknown[] {
  return valuesOf(run, "aggregates").map((value) => {
    const { start, size, revision, count: of, mean } = aggregateSchema.parse(value);
    return [(start - START) / MINUTE, size, revision, of, mean];
  });
}

describe("a windowed function", () => {
  it("tells each window as a reading at its last ms, and every result as an aggregate under its own name", () => {
    const fn = defineStream({ ...sums, window: tumbling("1min"), early: "30s", allowedLateness: "5min" });
    const given = [x(0, 1), x(0.75, 2), x(1, 4), x(0.25, 8), x(3, 16), x(0.5, 32)];
    const run = runFunctions([fn], given);
    expect(run.readings.map(({ ts, metrics }) => [ts - START, metrics])).toEqual([
      [MINUTE - 1, { sum: 3 }],
      [2 * MINUTE - 1, { sum: 4 }],
    ]);
    expect(aggregates(run)).toEqual([
      [0, MINUTE, 0, 1, 1],
      [0, MINUTE, 1, 1, 3],
      [0, MINUTE, 2, 1, 11],
      [1, MINUTE, 0, 1, 4],
      [1, MINUTE, 1, 1, 4],
      [0, MINUTE, 3, 1, 43],
    ]);
    const [first] = valuesOf(run.run, "aggregates");
    expect(first).toMatchObject({ metric: "sums.sum", sum: 1, min: 1, max: 1, first: 1, last: 1 });
  });

  it("says of a reading that came after allowedLateness that it was dropped", () => {
    const fn = defineStream({ ...sums, window: tumbling("1min"), allowedLateness: 0 });
    const run = runFunctions([fn], [x(0, 1), x(1, 2), x(0.5, 4)]);
    expect(run.readings.map(({ metrics }) => metrics["sum"])).toEqual([1]);
    expect(run.events.map(({ kind, detail }) => [kind, detail])).toEqual([
      ["late-dropped", "came after its window had been let go (window size 60 s)"],
    ]);
  });

  it("makes one session of two when a late reading lies between them, takes the second back, and tells no reading again", () => {
    const fn = defineStream({ ...sums, window: session("5min"), merge });
    const run = runFunctions([fn], [x(0, 1), x(8, 2), x(20, 4), x(4, 8)]);
    expect(run.readings.map(({ ts, metrics }) => [(ts - START) / MINUTE, metrics["sum"]])).toEqual([
      [0, 1],
      [8, 2],
    ]);
    expect(aggregates(run)).toEqual([
      [0, 5 * MINUTE, 0, 1, 1],
      [8, 5 * MINUTE, 0, 1, 2],
      [8, 5 * MINUTE, 1, 0, 0],
      [0, 5 * MINUTE, 1, 1, 11],
    ]);
  });

  it("migrates the accumulators of windows that are open when its shape changes", () => {
    const before = defineStream({ ...sums, window: tumbling("1h") });
    const { state } = runFunctions([before], [x(0, 1), x(1, 2)]).run;
    const after = defineStream({
      ...sums,
      window: tumbling("1h"),
      accumulator: z.object({ values: z.array(z.number()) }),
      stateVersion: 2,
      migrate: (old) => ({ values: [z.object({ sum: z.number() }).parse(old).sum] }),
      initial: () => ({ values: [] }),
      add: ({ values }, { metrics }) => ({ values: [...values, metrics.x] }),
      result: ({ values }) => ({ sum: values.reduce((a, b) => a + b, 0), parts: values.length }),
    });
    const stage = stageOf(after);
    const restored = { snapshot: [...state.snapshotChunks()], units: [] };
    const next = createStagePartition({ stage, partition: 0, generation: 0 }, restored);
    for (const reading of [x(2, 4), x(60, 0)]) next.process(readingRecord(next.next.offset, reading));
    const [record] = next.seal()?.outputs.get("readings") ?? [];
    const text = Buffer.from(record?.value ?? []).toString();
    expect(JSON.parse(text)).toMatchObject({ metrics: { sum: 7, parts: 2 } });
  });

  it("has the types of its schemas", () => {
    defineStream({
      ...sums,
      window: hopping("1h", "5min"),
      add(acc, reading) {
        expectTypeOf(acc).toEqualTypeOf<{ sum: number }>();
        expectTypeOf(reading.metrics).toEqualTypeOf<{ x: number }>();
        return acc;
      },
      result(acc, window) {
        expectTypeOf(window.cause).toEqualTypeOf<"early" | "close" | "late">();
        return acc;
      },
    });
    // @ts-expect-error -- the accumulator has no such field
    defineStream({ ...sums, window: count(2), add: () => ({ total: 1 }) });
    // @ts-expect-error -- an hour is written "1h"
    tumbling("1hour");
  });
});

describe("a windowed function is refused", () => {
  it.each([
    ["a name that is none", { name: "Sums", window: tumbling("1h") }, "its name must be"],
    ["a length that is none", { window: { kind: "tumbling", size: "1hour" } }, "which is no length of time"],
    ["a window that is too short", { window: tumbling(10) }, "the window's size is 10"],
    ["a window that is too long", { window: sliding("90d") }, `the window's size is "90d"`],
    ["windows with gaps", { window: hopping("1min", "1h") }, "its windows leave gaps"],
    ["too many windows", { window: hopping("1h", "1s") }, "a reading lies in 3600 of its windows"],
    ["a session without merge", { window: session("1h") }, "merge is no function"],
    ["merge without a session", { window: tumbling("1h"), merge }, "merge is for session windows"],
    ["early results of a session", { window: session("1h"), merge, early: "1min" }, "has no early results"],
    ["lateness of counts", { window: count(3), allowedLateness: "1h" }, "a count window knows no lateness"],
    ["a count of nothing", { window: count(0) }, "its window counts 0 readings"],
    ["a count of too many", { window: count(LIMITS.countWindowReadingsMax + 1) }, "its window counts 1000001 readings"],
    ["a zone that is none", { window: calendar("day", "Mars/Olympus") }, `there is no time zone "Mars/Olympus"`],
    ["a version without migrate", { window: tumbling("1h"), stateVersion: 2 }, "there is no migrate()"],
    ["an accumulator without a schema", { window: tumbling("1h"), accumulator: {} }, "accumulator is no zod schema"],
    ["an async add", { window: tumbling("1h"), add: async () => ({ sum: 0 }) }, "add is async"],
  ])("for %s", (_, changes, text) => {
    // oxlint-disable-next-line typescript/consistent-type-assertions -- what untyped code may do
    const definition = { ...sums, ...changes } as Parameters<typeof defineStream<{ x: number }, { sum: number }>>[0];
    expect(() => defineStream(definition)).toThrow(text);
    expect(() => defineStream(definition)).toThrow(expect.objectContaining({ code: "FUNCTION_INVALID" }));
  });
});

describe("a windowed function that goes wrong", () => {
  it("is a dead letter: the reading for add, the timer for result", () => {
    const bad = (changes: object) => {
      // oxlint-disable-next-line typescript/consistent-type-assertions -- what untyped code may do
      const fn = defineStream({ ...sums, window: tumbling("1min"), ...changes } as typeof sums & {
        window: ReturnType<typeof tumbling>;
      });
      return runFunctions([fn], [x(0, 1), x(5, 1)]).deadLetters.map(({ error, timer }) => [error, timer !== undefined]);
    };
    expect(bad({ add: () => ({ sum: "1" }) })[0]).toEqual([
      expect.stringContaining("sums: add() returns an accumulator that does not match its schema (sum: "),
      false,
    ]);
    expect(bad({ result: () => ({ sum: NaN }) })).toEqual([[expect.stringContaining('"sum" = NaN'), true]]);
    expect(bad({ result: () => ({ ["x".repeat(128)]: 1 }) })[0]).toEqual([
      expect.stringContaining("choose a shorter one"),
      true,
    ]);
  });

  it("is a dead letter when a sliding window would hold more than it may", () => {
    const fn = defineStream({ ...sums, window: sliding("1h") });
    const { state } = runFunctions([fn], [x(0, 1)]).run;
    const items = Array.from({ length: LIMITS.slidingReadingsMax }, () => [
      START,
      { received: START, metrics: { x: 1 } },
    ]);
    const full = [...state.snapshotChunks()].map((chunk) => ({
      ...chunk,
      slots: chunk.slots.map((slot) => {
        return slot.name.startsWith("p/") ? { ...slot, value: JSON.stringify({ kind: "pane", items }) } : slot;
      }),
    }));
    const next = createStagePartition(
      { stage: stageOf(fn), partition: 0, generation: 0 },
      { snapshot: full, units: [] },
    );
    next.process(readingRecord(next.next.offset, x(0, 1)));
    const [letter] = next.seal()?.outputs.get("dead-letters") ?? [];
    expect(Buffer.from(letter?.value ?? []).toString()).toContain("a sliding window holds 10001 readings");
  });
});
