import { describe, expect, expectTypeOf, it } from "vitest";
import { defineStream, z } from "../../../kit/function.ts";
import { readingSchema } from "../../../core/derived-records.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { START, flushRecord, readingRecord, runFunctions, runRecords, stageOf } from "../../support/function-run.ts";
import { outputBytes } from "../../support/stage-run.ts";
import type { SnapshotChunk } from "../../../core/commit-unit.ts";
import type { StageRun } from "../../support/stage-run.ts";
import type { GivenReading } from "../../support/function-run.ts";

const input = z.object({ on: z.boolean() });
const state = z.object({ since: z.number().nullable(), hours: z.number() });

const runtime = defineStream({
  name: "runtime",
  input,
  state,
  initial: () => ({ since: null, hours: 0 }),
  process({ ts, metrics }, { since, hours }) {
    const total = since === null ? hours : hours + (ts - since) / 3_600_000;
    return { state: { since: metrics.on ? ts : null, hours: total }, emit: { hours: total } };
  },
});

const HOUR = 3_600_000;
const switched: readonly GivenReading[] = [
  { at: 0, metrics: { on: true } },
  { at: HOUR, metrics: { on: true } },
  { at: 2 * HOUR, metrics: { on: false } },
  { at: 9 * HOUR, metrics: { on: true } },
  { at: 10 * HOUR, metrics: { on: true } },
];

describe("a stream function", () => {
  it("keeps a state for each device", () => {
    const others = switched.map((reading) => ({ ...reading, device: "e" }));
    const { readings } = runFunctions([runtime], [...switched, ...others]);
    const hours = (device: string) =>
      readings.filter((one) => one.device === device).map(({ metrics }) => metrics["hours"]);
    expect(hours("d")).toEqual([0, 1, 2, 2, 3]);
    expect(hours("e")).toEqual([0, 1, 2, 2, 3]);
  });

  it("makes the same bytes when its state is restored after every record", () => {
    const whole = runFunctions([runtime], switched);
    const broken = runFunctions([runtime], switched, { interrupt: () => "restart" });
    expect(outputBytes(broken.run)).toEqual(outputBytes(whole.run));
  });

  it("has the types of its schemas", () => {
    defineStream({
      name: "types",
      input,
      state,
      initial: () => ({ since: null, hours: 0 }),
      process(reading, before, context) {
        expectTypeOf(reading.metrics).toEqualTypeOf<{ on: boolean }>();
        expectTypeOf(before).toEqualTypeOf<{ since: number | null; hours: number }>();
        expectTypeOf(context.timers.set).parameters.toEqualTypeOf<[name: string, at: number]>();
      },
    });
    const initial = () => ({ since: null, hours: 0 });
    // @ts-expect-error -- the state has no such field
    defineStream({ name: "bad", input, state, initial, process: () => ({ state: { hour: 1 } }) });
    // @ts-expect-error -- the first state is not complete
    defineStream({ name: "bad", input, state, initial: () => ({ since: null }), process: () => undefined });
  });

  it("fires its timers when event time comes to them", () => {
    const silence = defineStream({
      name: "silence",
      input,
      state: z.object({ fired: z.number() }),
      initial: () => ({ fired: 0 }),
      process({ ts }, _, context) {
        context.timers.set("silent", ts + 60_000);
      },
      onTimer: (name, at, { fired }) => ({ state: { fired: fired + 1 }, emit: [{ ts: at, metrics: { name, fired } }] }),
    });
    const { readings } = runFunctions(
      [silence],
      [0, 30_000, 200_000, 400_000].map((at) => ({ at, metrics: { on: true } })),
    );
    expect(readings.map(({ ts, metrics }) => [ts - START, metrics])).toEqual([
      [90_000, { name: "silent", fired: 0 }],
      [260_000, { name: "silent", fired: 1 }],
    ]);
  });

  it("refuses a timer that nobody answers", () => {
    const silly = defineStream({
      name: "silly",
      input,
      state,
      initial: () => ({ since: null, hours: 0 }),
      process: (_, __, context) => context.timers.set("x", 1),
    });
    const { deadLetters } = runFunctions([silly], switched.slice(0, 1));
    expect(deadLetters.map(({ error }) => error)).toEqual(["silly sets a timer but has no onTimer(): define it"]);
  });

  it("refuses a state that its schema does not match, and keeps the one before", () => {
    const broken = defineStream({
      name: "broken",
      input: z.object({ x: z.number() }),
      state: z.object({ sum: z.number().max(3) }),
      initial: () => ({ sum: 0 }),
      process: ({ metrics: { x } }, { sum }) => ({ state: { sum: sum + x }, emit: { sum: sum + x } }),
    });
    const given = [1, 5, 2].map((x, index) => ({ at: index, metrics: { x } }));
    const { readings, deadLetters } = runFunctions([broken], given);
    expect(readings.map(({ metrics }) => metrics["sum"])).toEqual([1, 3]);
    expect(deadLetters.map(({ error }) => error)).toEqual([
      expect.stringContaining("broken: returns a state that does not match its schema (sum: "),
    ]);
  });
});

describe("the state of a stream function", () => {
  it("cannot be changed in place, deep inside neither", () => {
    const changing = defineStream({
      name: "changing",
      input: z.object({ x: z.number() }),
      state: z.object({ seen: z.array(z.number()) }),
      initial: () => ({ seen: [] }),
      process({ metrics: { x } }, { seen }) {
        if (x === 2) seen.push(x);
        return { state: { seen: [...seen, x] }, emit: { seen: seen.length } };
      },
    });
    const given = [1, 2, 3].map((x, at) => ({ at, metrics: { x } }));
    for (const interruption of ["none", "restart"] as const) {
      const run = runFunctions([changing], given, { interrupt: () => interruption });
      expect(run.readings.map(({ metrics }) => metrics["seen"])).toEqual([0, 1]);
      expect(run.deadLetters.map(({ errorClass }) => errorClass)).toEqual(["TypeError"]);
    }
  });

  const counting = (ttl: "1h") =>
    defineStream({
      name: "counting",
      input,
      state: z.object({ count: z.number() }),
      initial: () => ({ count: 0 }),
      ttl,
      process: (_, { count }) => ({ state: { count: count + 1 }, emit: { count: count + 1 } }),
    });

  it("is forgotten when event time has gone on by its ttl", () => {
    const at = [0, HOUR - 1, 2 * HOUR - 2, 3 * HOUR - 2];
    const { readings, run } = runFunctions(
      [counting("1h")],
      at.map((time) => ({ at: time, metrics: { on: true } })),
    );
    expect(readings.map(({ metrics }) => metrics["count"])).toEqual([1, 2, 3, 1]);
    const records = at.map((time, index) => readingRecord(index, { at: time, metrics: { on: true } }));
    const flushed = runRecords([counting("1h")], [...records, flushRecord(4, 3 * HOUR)]).run;
    const slots = (state: typeof run.state) => [...state.snapshotChunks()].flatMap((chunk) => chunk.slots);
    expect(slots(flushed.state).filter(({ fn }) => fn === "counting")).toEqual([]);
    expect(slots(run.state).filter(({ fn }) => fn === "counting")).not.toEqual([]);
  });

  it("is migrated when its version is an older one", () => {
    const given = [0, 1].map((at) => ({ at, metrics: { on: true } }));
    const first = defineStream({
      name: "versions",
      input,
      state: z.object({ count: z.number() }),
      initial: () => ({ count: 0 }),
      process: (_, { count }) => ({ state: { count: count + 1 } }),
    });
    const second = defineStream({
      name: "versions",
      input,
      state: z.object({ total: z.number() }),
      stateVersion: 2,
      initial: () => ({ total: 0 }),
      migrate: (old, fromVersion) => ({ total: z.object({ count: z.number() }).parse(old).count + fromVersion * 100 }),
      process: (_, { total }) => ({ state: { total: total + 1 }, emit: { total: total + 1 } }),
    });
    const [snapshot, next] = snapshotOf(runFunctions([first], given).run);
    const state = createStagePartition(
      { stage: stageOf(second), partition: 0, generation: 0 },
      { snapshot, units: [] },
    );
    for (const offset of [next, next + 1]) state.process(readingRecord(offset, { at: offset, metrics: { on: true } }));
    const texts = (state.seal()?.outputs.get("readings") ?? []).map(({ value }) => Buffer.from(value).toString());
    expect(texts.map((text) => readingSchema.parse(JSON.parse(text)).metrics["total"])).toEqual([103, 104]);
  });
});

function snapshotOf({ state }: StageRun): [SnapshotChunk[], number] {
  return [[...state.snapshotChunks()], state.next.offset];
}
