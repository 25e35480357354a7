import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplayRun, type ReplayRunOptions } from "../../../app/replay/replay-run.ts";
import { madeRecord, recordAt } from "../../../core/made-record.ts";
import { HEADER } from "../../../core/record.ts";
import { FUNCTIONS_STAGE } from "../../../core/stage.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { defineJoin, defineMap, defineStream, session, tumbling, z } from "../../../kit/function.ts";
import { PastStage, tableOf } from "../../support/past-stage.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { StageFunction } from "../../../core/function.ts";
import type { LogRecord } from "../../../core/record.ts";

const T0 = Date.UTC(2026, 0, 1);
const DEVICES = ["a", "b", "c"];
const ALL_TIME = { from: 0, to: T0 * 2 };
const DAY = 86_400_000;
const input = z.object({ x: z.number() });

/** The same functions in two versions, which differ in what they let pass, in values, and in how many metrics they have. */
function functionsOf(version: number): readonly StageFunction[] {
  const factor = version * 10;
  const statistics = { accumulator: z.object({ sum: z.number() }), initial: () => ({ sum: 0 }) };
  const map = defineMap({
    name: "map",
    input,
    process: ({ ts, metrics: { x } }) => {
      if (x % (version + 2) === 0) return undefined;
      if (x % 5 === version)
        return [
          { ts, metrics: { y: x } },
          { ts, metrics: { y: x * factor } },
        ];
      return version === 1 ? { y: x } : { y: x, z: 1 };
    },
  });
  const sums = defineStream({
    name: "sums",
    input,
    state: z.object({ sum: z.number() }),
    initial: () => ({ sum: 0 }),
    process: ({ metrics: { x } }, { sum }) => ({ state: { sum: sum + x * factor }, emit: { sum: sum + x * factor } }),
  });
  const minutes = defineStream({
    name: "minutes",
    input,
    window: tumbling("1min"),
    allowedLateness: "2min",
    ...statistics,
    add: ({ sum }, { metrics: { x } }) => ({ sum: sum + x * factor }),
    result: ({ sum }) => (sum % 3 === version ? undefined : { sum }),
  });
  const visits = defineStream({
    name: "visits",
    input,
    window: session("30s"),
    allowedLateness: "1min",
    ...statistics,
    add: ({ sum }, { metrics: { x } }) => ({ sum: sum + x * version }),
    merge: (a, b) => ({ sum: a.sum + b.sum }),
    result: ({ sum }) => ({ sum }),
  });
  return [map, sums, minutes, visits].map((fn) => ({ ...fn, version }));
}

const NAMES = functionsOf(1).map(({ name }) => name);
const load = (code: string): readonly StageFunction[] => functionsOf(Number(code));

function deploy(name: string, version: number, revision: number): ControlRecord {
  const deployed = { name, version, hash: "", code: String(version) };
  return { v: 1, kind: "deploy", revision, stage: FUNCTIONS_STAGE.name, removed: false, function: deployed };
}

/** Readings of three devices, some late, with a second version deployed among them; then time goes on until all windows are over. */
async function liveThrough(story: Story): Promise<PastStage> {
  const stage = new PastStage(load);
  let time = T0;
  const deployAll = (version: number): void => {
    for (const name of NAMES) stage.control(time, deploy(name, version, version));
  };
  deployAll(1);
  for (const [index, { device, x, lateMs, pauseMs }] of story.readings.entries()) {
    if (index === story.secondAt) deployAll(2);
    time += pauseMs;
    stage.reading(device, time - lateMs, time, x);
    if (index % story.runEvery === 0) await stage.run();
  }
  time += DAY;
  stage.control(time, { v: 1, kind: "flush", upTo: time });
  await stage.run();
  return stage;
}

const story = fc.record({
  readings: fc.array(
    fc.record({
      device: fc.constantFrom(...DEVICES),
      x: fc.integer({ min: 1, max: 40 }),
      lateMs: fc.constantFrom(0, 0, 0, 15_000, 100_000, 400_000),
      pauseMs: fc.integer({ min: 1, max: 40_000 }),
    }),
    { minLength: 5, maxLength: 80 },
  ),
  secondAt: fc.nat(80),
  runEvery: fc.integer({ min: 1, max: 9 }),
});
type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

async function tables(stage: PastStage): Promise<(fn: string) => readonly string[]> {
  const [readings, aggregates] = [await stage.records("readings"), await stage.records("aggregates")];
  return (fn) => tableOf(fn, { readings, aggregates });
}

/** What a version makes of the same records when it was there from the start. */
function fromTheStart(records: readonly LogRecord[], version: number): (fn: string) => readonly string[] {
  const engine = createStagePartition({ stage: FUNCTIONS_STAGE, partition: 0, generation: 1, load });
  const made: Record<"readings" | "aggregates", LogRecord[]> = { readings: [], aggregates: [] };
  const take = (): void => {
    const outputs = engine.seal()?.outputs;
    for (const topic of ["readings", "aggregates"] as const) {
      for (const record of outputs?.get(topic) ?? []) made[topic].push(recordAt(record, 0));
    }
  };
  for (const [index, record] of records.entries()) {
    const isDeploy = record.header(HEADER.controlKind) === "deploy";
    const name = NAMES[index];
    if (isDeploy && name === undefined) continue;
    const control = name === undefined ? null : deploy(name, version, 1);
    const value = control === null ? record.value : Buffer.from(JSON.stringify(control));
    while (!engine.process(madeRecord({ ...record, headers: record.headers(), value }))) take();
  }
  take();
  return (fn) => tableOf(fn, made);
}

const OPTIONS = {
  stage: FUNCTIONS_STAGE.name,
  generation: 1,
  range: ALL_TIME,
  dryRun: false,
  configuration: {
    types: [],
    tables: [],
    devices: DEVICES.map((id) => ({ tenant: "t", id, type: null, labels: {}, disabled: false })),
  },
  now: T0 + 30 * DAY,
} satisfies Partial<ReplayRunOptions>;

async function replay(stage: PastStage, fn: string, version: number, more: Partial<ReplayRunOptions> = {}) {
  const of = functionsOf(version).find(({ name }) => name === fn);
  if (of === undefined) throw new Error(fn);
  const run = new ReplayRun({ ...OPTIONS, log: stage.log, fn: of, ...more });
  expect(await run.run()).toBe(true);
  const { corrections, ...rest } = run.counts();
  return { ...rest, corrected: corrections.changed + corrections.added + corrections.withdrawn };
}

describe("a replay of any past", () => {
  test("makes of the tables what the version would have made of it from the start, whatever was there", async () => {
    await fc.assert(
      fc.asyncProperty(story, async (told) => {
        const stage = await liveThrough(told);
        const records = await stage.records("readings");
        for (const version of [2, 1, 2]) {
          const wanted = fromTheStart(records, version);
          for (const fn of NAMES) {
            const dry = await replay(stage, fn, version, { dryRun: true });
            const { corrected, hash } = await replay(stage, fn, version);
            expect(corrected).toBe(dry.corrected);
            expect((await tables(stage))(fn)).toEqual(wanted(fn));
            expect(await replay(stage, fn, version)).toMatchObject({
              corrected: 0,
              hash,
              openWindows: 0,
              deadLetters: 0,
            });
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test("corrects only results of the range, and the other ranges do the rest", async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.integer({ min: 0, max: 1_000_000 }), async (told, cutMs) => {
        const stage = await liveThrough(told);
        const wanted = fromTheStart(await stage.records("readings"), 2);
        const cut = T0 + cutMs;
        const of = (rows: readonly string[]) => rows.filter((row) => Number(row.split(" ")[1]) < cut);
        await replay(stage, "map", 2, { range: { from: 0, to: cut } });
        expect(of((await tables(stage))("map"))).toEqual(of(wanted("map")));
        await replay(stage, "map", 2, { range: { from: cut, to: ALL_TIME.to } });
        expect((await tables(stage))("map")).toEqual(wanted("map"));
      }),
      { numRuns: 15 },
    );
  });
});

describe("a replay of a device that is disabled now", () => {
  /** What retention has left. */
  const LEFT = { from: T0 + 2, to: ALL_TIME.to };
  const disabledNow = {
    ...OPTIONS.configuration,
    devices: OPTIONS.configuration.devices.map((one) => ({ ...one, disabled: one.id === "a" })),
  };
  const told = (disabled: boolean, revision: number): ControlRecord => {
    const device = { tenant: "t", id: "a", type: null, labels: {}, disabled };
    return { v: 1, kind: "device", revision, removed: false, device };
  };

  test("takes nothing back of what it had sent, also where the log no more tells that it was not", async () => {
    const stage = new PastStage(load);
    stage.control(T0, told(false, 1));
    stage.control(T0, deploy("map", 1, 1));
    for (const x of [2, 4, 7]) stage.reading("a", T0 + x, T0 + x, x);
    stage.control(T0 + 9, told(true, 2));
    await stage.run();
    stage.log.trim("readings", 0, 2);
    const same = await replay(stage, "map", 1, { configuration: disabledNow, range: LEFT });
    expect(same).toMatchObject({ results: 3, corrected: 0 });
  });

  test("runs nothing of what came behind the record that disabled it, as it was then", async () => {
    const stage = new PastStage(load);
    stage.control(T0, deploy("map", 1, 1));
    stage.reading("a", T0 + 2, T0 + 2, 2);
    stage.control(T0 + 3, told(true, 2));
    stage.reading("a", T0 + 4, T0 + 4, 4);
    await stage.run();
    stage.log.trim("readings", 0, 1);
    expect(await replay(stage, "map", 1, { configuration: disabledNow, range: LEFT })).toMatchObject({
      results: 1,
      corrected: 0,
    });
  });
});

test("a join is refused: what it meets comes by another topic", async () => {
  const join = defineJoin({
    name: "join",
    left: { input, key: ({ device }) => device },
    right: { input, key: ({ device }) => device },
    within: "1min",
    join: () => ({ y: 1 }),
  });
  const stage = new PastStage(load);
  const run = new ReplayRun({ ...OPTIONS, log: stage.log, fn: { ...join, version: 1 } });
  await expect(run.run()).rejects.toThrow("join joins readings, and joins cannot be replayed");
});
