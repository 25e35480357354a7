import { describe, expect, it } from "vitest";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { defineStream, session, sliding, tumbling, z } from "../../../kit/function.ts";
import { WHOLE, slotsOf } from "../../support/canary-run.ts";
import { T0 } from "../../support/counting-stage.ts";
import { deploy, reading } from "../../support/deployed-stage.ts";
import { readingRecord, stageOf, START } from "../../support/function-run.ts";
import { outputBytes, runStage, valuesOf, type StageRun } from "../../support/stage-run.ts";
import type { Slot } from "../../../core/commit-unit.ts";
import type { StageFunction } from "../../../core/function.ts";
import type { LogRecord } from "../../../core/record.ts";

const MINUTE = 60_000;
const TOO_LONG = { errorClass: "TimeoutError", error: "it ran for more than 1000 ms" } as const;

const base = {
  name: "f",
  input: z.object({ x: z.number() }),
  accumulator: z.object({ sum: z.number() }),
  initial: () => ({ sum: 0 }),
  add: ({ sum }: { sum: number }, { metrics: { x } }: { metrics: { x: number } }) => ({ sum: sum + x }),
} as const;
const minutes = (result: (sum: number) => { sum: number } | undefined, lateness: 0 | "1min" = 0): StageFunction =>
  defineStream({
    ...base,
    window: tumbling("1min"),
    allowedLateness: lateness,
    result: ({ sum }) => result(sum),
  });
const fails = (): never => {
  throw new RangeError("not this one");
};

const x = (at: number, value: number) => ({ at: at * MINUTE, metrics: { x: value } });
const recordsOf = (...readings: readonly ReturnType<typeof x>[]): LogRecord[] =>
  readings.map((one, offset) => readingRecord(offset, one));
const names = (run: StageRun) => slotsOf(run).flatMap(({ fn, name }) => (fn.startsWith("f") ? [`${fn} ${name}`] : []));
const sums = (run: StageRun) =>
  valuesOf(run, "readings").map(
    (value) => z.object({ metrics: z.object({ sum: z.number() }) }).parse(value).metrics.sum,
  );

describe("a window on whose closing a verdict stands", () => {
  const records = recordsOf(x(0, 1), x(1, 2), x(0.5, 4), x(9, 8));
  const run = (fn: StageFunction, interrupt?: "restart" | "snapshot") =>
    runStage(records, {
      stage: stageOf(fn),
      verdicts: [{ offset: 1, step: 0, call: 1, ...TOO_LONG }],
      ...(interrupt && { interrupt: () => interrupt }),
    });

  it("is closed without a result, which a late reading gives it, and let go in its time", () => {
    const fn = minutes((sum) => ({ sum }), "1min");
    const whole = run(fn);
    expect(valuesOf(whole, "dead-letters")).toMatchObject([
      { function: "f", ...TOO_LONG, timer: { at: START + MINUTE } },
    ]);
    expect(sums(whole)).toEqual([5, 2]);
    expect(names(whole).filter((name) => name.startsWith("f w/"))).toEqual([`f w/60000/${START + 9 * MINUTE}`]);
    for (const interrupt of ["restart", "snapshot"] as const) {
      expect(outputBytes(run(fn, interrupt))).toEqual(outputBytes(whole));
    }
  });

  it("is let go at once when nothing can be late", () => {
    const whole = run(minutes((sum) => ({ sum })));
    expect(sums(whole)).toEqual([2]);
    expect(valuesOf(whole, "device-events")).toMatchObject([{ kind: "late-dropped", ts: START + 0.5 * MINUTE }]);
    expect(names(whole).filter((name) => name.startsWith("f w/"))).toHaveLength(1);
  });
});

describe("a verdict on a timer that only lets go", () => {
  it.each([
    ["closed windows", minutes((sum) => ({ sum }), "1min"), /w\/60000\/(\d+)$/],
    [
      "closed sessions",
      defineStream({
        ...base,
        window: session("1min"),
        allowedLateness: "1min",
        merge: (a, b) => ({ sum: a.sum + b.sum }),
        result: ({ sum }) => ({ sum }),
      }),
      /s\/(\d+)$/,
    ],
    [
      "what sliding windows keep",
      defineStream({ ...base, window: sliding("1min"), allowedLateness: 0, result: ({ sum }) => ({ sum }) }),
      /p\/(\d+)$/,
    ],
  ])("keeps no %s", (_, fn, pattern) => {
    const records = recordsOf(x(0, 1), x(1.5, 2), x(30, 4), x(60, 8));
    // The first timer that fires on the way to each.
    const verdicts = [1, 2, 3].flatMap((offset) => [1, 2, 3].map((call) => ({ offset, step: 0, call, ...TOO_LONG })));
    const whole = runStage([...records, ...[90, 120].map((at, n) => readingRecord(4 + n, x(at, 1)))], {
      stage: stageOf(fn),
      verdicts,
    });
    expect(valuesOf(whole, "dead-letters").length).toBeGreaterThan(2);
    const starts = names(whole).flatMap((name) => pattern.exec(name)?.[1] ?? []);
    expect(starts.filter((start) => Number(start) < START + 119 * MINUTE)).toEqual([]);
  });
});

describe("a canary beside a function with windows", () => {
  const load = (code: string): readonly StageFunction[] => [minutes(code === "f fails" ? fails : (sum) => ({ sum }))];
  const run = (live: string, canary: string) =>
    runStage(
      [
        deploy(0, "f", 1, live),
        deploy(1, "f", 1, live, 1, [2, canary, WHOLE]),
        ...[2, 100, 200, 300].map((offset) => reading(offset, "a", 1)),
      ],
      { stage: FUNCTIONS_STAGE, load },
    );

  it.each([
    ["works", "fails"],
    ["fails", "works"],
    ["fails", "fails"],
  ])("keeps only the open window of each where the live version %s and the canary %s", (live, canary) => {
    const whole = run(live, canary);
    expect(sums(whole)).toEqual(live === "works" || canary === "works" ? [1, 1, 1] : []);
    const start = Math.floor((T0 + 300_000) / MINUTE) * MINUTE;
    const kept = names(whole).filter((name) => name.includes(" w/"));
    expect(kept).toHaveLength(2);
    expect(kept.every((name) => name.endsWith(` w/60000/${start}`))).toBe(true);
    expect(names(whole).filter((name) => name.includes("@timer"))).toHaveLength(2);
  });
});

describe("a window that a release before this one left open without a timer", () => {
  const fn = minutes((sum) => ({ sum }), "1min");
  const slot = `w/60000/${START}`;
  /** Restored as that release left it. */
  const goOn = (value: object, ...readings: readonly ReturnType<typeof x>[]) => {
    const before = runStage(recordsOf(x(0, 1), x(1, 2)), { stage: stageOf(fn) });
    const left = ({ name }: Slot) => name !== `@timer/60000/${START}` && name !== slot;
    const snapshot = [...before.state.snapshotChunks()].map((chunk) => ({
      ...chunk,
      slots: [...chunk.slots.filter(left), { fn: "f", key: "t/d", name: slot, value: JSON.stringify(value) }],
    }));
    const state = createStagePartition({ stage: stageOf(fn), partition: 0, generation: 0 }, { snapshot, units: [] });
    const outputs = readings.flatMap((one) => {
      state.process(readingRecord(state.next.offset, one));
      return [...(state.seal()?.outputs.get("readings") ?? [])].map(({ value }) => Buffer.from(value).toString());
    });
    const slots = [...state.snapshotChunks()].flatMap((chunk) => chunk.slots.map(({ name }) => name));
    return { outputs, slots };
  };

  it("is told with a late reading, and let go in its time", () => {
    const open = { kind: "window", closed: false, acc: { acc: { sum: 1 } } };
    const { outputs, slots } = goOn(open, x(0.5, 4));
    expect(outputs).toEqual([expect.stringContaining('"sum":5')]);
    expect(slots).toContain(`@timer/60000/${START}`);
    expect(goOn(open, x(0.5, 4), x(3, 1)).slots).not.toContain(slot);
    // However late.
    expect(goOn(open, x(8, 1), x(0.5, 4), x(9, 1)).slots).not.toContain(slot);
  });
});

describe("an early result that fails", () => {
  const fn = defineStream({
    ...base,
    window: tumbling("1h"),
    early: "5min",
    allowedLateness: 0,
    result: ({ sum }) => (sum < 0 ? fails() : { sum }),
  });
  const records = recordsOf(x(0, 1), x(6, -9), x(11, 20), x(16, 1));
  const told = (run: StageRun) =>
    valuesOf(run, "aggregates").map((value) => z.object({ mean: z.number() }).parse(value).mean);

  it("is one less: the next comes at its time", () => {
    const whole = runStage(records, { stage: stageOf(fn) });
    expect(valuesOf(whole, "dead-letters")).toHaveLength(1);
    expect(told(whole)).toEqual([1, 12]);
  });

  it("comes again where a release before this one believed it to be on its way", () => {
    const before = runStage(records.slice(0, 3), { stage: stageOf(fn) });
    const snapshot = [...before.state.snapshotChunks()].map((chunk) => ({
      ...chunk,
      slots: chunk.slots.flatMap((slot) => {
        if (slot.name.startsWith("@timer/early/")) return [];
        const value = slot.value?.replace(/"early":\{.*?\}/, `"early":{"at":${START + 10 * MINUTE},"armed":true}`);
        return { ...slot, value: value ?? null };
      }),
    }));
    const state = createStagePartition({ stage: stageOf(fn), partition: 0, generation: 0 }, { snapshot, units: [] });
    for (const one of [x(16, 1), x(21, 1)]) state.process(readingRecord(state.next.offset, one));
    const made = state.seal()?.outputs.get("aggregates") ?? [];
    expect(made.map(({ value }) => Buffer.from(value).toString())).toEqual([expect.stringContaining('"mean":13')]);
  });
});
