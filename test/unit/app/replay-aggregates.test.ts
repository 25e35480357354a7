import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplayRun, type ReplayRunOptions } from "../../../app/replay/replay-run.ts";
import { deviceTypeSchema, type DeviceType } from "../../../core/device-type.ts";
import { madeControlRecord, recordAt } from "../../../core/made-record.ts";
import { isControlRecord, type LogRecord } from "../../../core/record.ts";
import { MAIN_STAGE } from "../../../core/stage.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { aggregate } from "../../../processors/aggregate.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { PastMainStage } from "../../support/past-main-stage.ts";
import { tableOf } from "../../support/past-stage.ts";
import type { ControlRecord } from "../../../core/control.ts";

const T0 = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const DEVICES = ["a", "b", "c"];
const ALL_TIME = { from: 0, to: T0 * 2 };

function typeOf(allowedLatenessMs: number, windowMs: readonly number[]): DeviceType {
  const times = { outOfOrderMs: 5000, idleMs: 2 * MINUTE };
  return deviceTypeSchema.parse({ tenant: "t", id: "type", allowedLatenessMs, windowMs, ...times });
}

const BEFORE = typeOf(0, [MINUTE]);
const AFTER = typeOf(10 * MINUTE, [MINUTE, 5 * MINUTE]);
const SMALLER = typeOf(MINUTE, [30_000, 5 * MINUTE]);

const deviceOf = (id: string, disabled = false) => ({ tenant: "t", id, type: "type", labels: {}, disabled });

const story = fc.record({
  messages: fc.array(
    fc.record({
      device: fc.constantFrom(...DEVICES),
      values: fc.array(fc.record({ x: fc.integer({ min: 1, max: 40 }), y: fc.integer({ min: 1, max: 40 }) }), {
        minLength: 1,
        maxLength: 3,
      }),
      lateMs: fc.constantFrom(0, 0, 0, 15_000, 100_000, 400_000),
      pauseMs: fc.integer({ min: 1, max: 200_000 }),
      follows: fc.constantFrom(
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        "flush",
        "tick",
        "disable",
        "remove",
        "resend",
        "redrive",
      ),
    }),
    { minLength: 5, maxLength: 60 },
  ),
  changeAt: fc.nat(60),
  runEvery: fc.integer({ min: 1, max: 9 }),
  ends: fc.boolean(),
});
type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

function redriveOf(device: string, offset: number, readings: object): ControlRecord {
  const source = { topic: "telemetry", partition: 0, offset };
  const payload = Buffer.from(JSON.stringify(readings)).toString("base64");
  const of = { stage: MAIN_STAGE, function: "clean", attempt: 1, tenant: "t", device, received: T0 + offset };
  return { v: 1, kind: "redrive", ...of, source, headers: [], payload };
}

/** Messages of three devices, some late and some twice; their type is another one half way. Then time goes on until all windows are over. */
async function liveThrough({ messages, changeAt, runEvery, ends }: Story, after: DeviceType): Promise<PastMainStage> {
  const stage = new PastMainStage();
  let time = T0;
  let revision = 1;
  const tell = (id: string, removed: boolean, disabled = false): void => {
    revision += 1;
    stage.control(time, { v: 1, kind: "device", revision, removed, device: deviceOf(id, disabled) });
  };
  const type = (of: DeviceType): void => {
    revision += 1;
    stage.control(time, { v: 1, kind: "device-type", revision, removed: false, type: of });
  };
  type(BEFORE);
  for (const id of DEVICES) tell(id, false);
  for (const [index, { device, values, lateMs, pauseMs, follows }] of messages.entries()) {
    if (index === changeAt) type(after);
    time += pauseMs;
    const readings = values.map(({ x, y }, n) => ({
      ts: time - lateMs - n * 7000,
      values: n === 1 ? { x } : { x, y },
    }));
    stage.message(device, time, readings);
    if (follows === "resend") stage.message(device, time, readings);
    else if (follows === "flush") stage.control(time, { v: 1, kind: "flush", upTo: time - MINUTE });
    else if (follows === "tick") stage.control((time += 3 * MINUTE), { v: 1, kind: "tick" });
    else if (follows === "redrive")
      stage.control(time, redriveOf(device, index, [{ ts: time - lateMs - 3, values: { x: 7 } }]));
    else if (follows === "disable") {
      tell(device, false, true);
      stage.message(device, time, [{ ts: time - 1, values: { x: 1 } }]);
      tell(device, false);
    } else if (follows === "remove") {
      tell(device, true);
      tell(device, false);
    }
    if (index % runEvery === 0) await stage.run();
  }
  if (ends) {
    time += DAY;
    stage.control(time, { v: 1, kind: "flush", upTo: time });
  }
  await stage.run();
  return stage;
}

async function stored(stage: PastMainStage): Promise<readonly string[]> {
  return tableOf("aggregate", {
    readings: [],
    aggregates: standing(await stage.records("aggregates"), await removals(stage)),
  });
}

/** As the sink erases: what was made of records up to a device's last removal. */
function standing(aggregates: readonly LogRecord[], removed: ReadonlyMap<string, number>): readonly LogRecord[] {
  return aggregates.filter((record) => {
    const [, , , , offset = ""] = record.header("src")?.split(" ") ?? [];
    return Number(offset) > (removed.get(record.key ?? "") ?? -1);
  });
}

async function removals(stage: PastMainStage): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const record of await stage.records("telemetry")) {
    const control = isControlRecord(record) ? JSON.parse(Buffer.from(record.value).toString()) : {};
    if (control.kind === "device" && control.removed === true) found.set(`t/${control.device.id}`, record.offset);
  }
  return found;
}

/** What the main stage makes of the same messages when the type was this one from the start. */
async function fromTheStart(stage: PastMainStage, type: DeviceType): Promise<readonly string[]> {
  const engine = createStagePartition({ stage: mainStage, partition: 0, generation: 1 });
  const made: LogRecord[] = [];
  const take = (): void => {
    for (const record of engine.seal()?.outputs.get("aggregates") ?? []) made.push(recordAt(record, 0));
  };
  for (const record of await stage.records("telemetry")) {
    const control = isControlRecord(record) ? JSON.parse(Buffer.from(record.value).toString()) : {};
    const fed =
      control.kind === "device-type"
        ? madeControlRecord(record.offset, record.timestamp, { ...control, type })
        : record;
    while (!engine.process(fed)) take();
  }
  take();
  return tableOf("aggregate", { readings: [], aggregates: standing(made, await removals(stage)) });
}

async function replay(stage: PastMainStage, type: DeviceType, more: Partial<ReplayRunOptions> = {}) {
  const run = new ReplayRun({
    log: stage.log,
    fn: aggregate,
    stage: MAIN_STAGE,
    generation: 1,
    range: ALL_TIME,
    dryRun: false,
    // One that is disabled now has reported all the same.
    configuration: { types: [type], tables: [], devices: DEVICES.map((id) => deviceOf(id, id === "c")) },
    now: T0 + 30 * DAY,
    ...more,
  });
  expect(await run.run()).toBe(true);
  const { corrections, ...rest } = run.counts();
  return { ...rest, corrections, corrected: corrections.changed + corrections.added + corrections.withdrawn };
}

/** As a log whose slices end anywhere. */
function inSmallSlices({ log }: PastMainStage): ReplayRunOptions["log"] {
  return {
    partitionCount: 1,
    status: () => log.status(),
    claim: (journal) => log.claim(journal),
    commit: (request) => log.commit(request),
    openReader: (positions) => {
      const reader = log.openReader(positions);
      return {
        poll: (options) => reader.poll({ ...options, bytesMax: 300 }),
        seek: (to) => reader.seek(to),
        close: () => reader.close(),
      };
    },
  };
}

test("makes of the windows what the present type would have made of them from the start, whatever was there", async () => {
  await fc.assert(
    fc.asyncProperty(story, async (told) => {
      const stage = await liveThrough({ ...told, ends: true }, AFTER);
      for (const type of [AFTER, SMALLER, BEFORE]) {
        const dry = await replay(stage, type, { dryRun: true, log: inSmallSlices(stage) });
        const { corrections, hash } = await replay(stage, type);
        expect(corrections).toEqual(dry.corrections);
        expect(await stored(stage)).toEqual(await fromTheStart(stage, type));
        expect(await replay(stage, type)).toMatchObject({ corrected: 0, hash, openWindows: 0, deadLetters: 0 });
      }
    }),
    { numRuns: 40 },
  );
});

test("finds nothing to correct where nothing was changed, wherever the live stage stands", async () => {
  await fc.assert(
    fc.asyncProperty(story, async (told) => {
      const stage = await liveThrough({ ...told, changeAt: Infinity }, BEFORE);
      stage.message("a", T0 + 40 * DAY, [{ ts: T0 + 40 * DAY, values: { x: 1 } }]);
      expect(await replay(stage, BEFORE)).toMatchObject({ corrected: 0, openWindows: 0 });
    }),
    { numRuns: 40 },
  );
});

/** One device, a reading every ten seconds for an hour, and of every minute one that comes three minutes late. */
async function anHour(): Promise<PastMainStage> {
  const stage = new PastMainStage();
  stage.control(T0, { v: 1, kind: "device-type", revision: 1, removed: false, type: BEFORE });
  stage.control(T0, { v: 1, kind: "device", revision: 2, removed: false, device: deviceOf("a") });
  for (let n = 0; n < 360; n += 1) {
    const ts = T0 + n * 10_000;
    stage.message("a", ts, [{ ts, values: { x: n } }]);
    if (n % 6 === 0) stage.message("a", ts, [{ ts: ts - 3 * MINUTE + 1, values: { x: 1000 } }]);
  }
  await stage.run();
  return stage;
}

test("leaves windows alone that live readings may still change, each size by itself", async () => {
  const stage = await anHour();
  const { corrections, openWindows } = await replay(stage, typeOf(10 * MINUTE, [MINUTE, 30 * MINUTE]));
  // Watermark at 59 min 45 s: of the minutes those that end by 49 min 45 s are over, of the half hours the first.
  // And before the hour there are three minutes and a half hour, which nothing but late readings are in.
  expect(corrections).toMatchObject({ changed: 49, withdrawn: 0, added: 5 });
  expect(openWindows).toBe(8);
});

test("goes on where a kill between two commits has left it", async () => {
  const stage = await anHour();
  const type = typeOf(10 * MINUTE, [10_000, 20_000, 30_000]);
  const whole = await replay(stage, type, { dryRun: true });
  expect(whole.corrected).toBeGreaterThan(0);
  const commit = stage.log.commit.bind(stage.log);
  let commits = 0;
  const killed: ReplayRunOptions["log"] = {
    partitionCount: 1,
    openReader: (positions) => stage.log.openReader(positions),
    status: () => stage.log.status(),
    claim: (journal) => stage.log.claim(journal),
    commit: (request) => {
      commits += 1;
      if (commits > 2) throw new Error("killed");
      return commit(request);
    },
  };
  await expect(replay(stage, type, { log: killed, commitRecords: 100 })).rejects.toThrow("killed");
  expect((await replay(stage, type)).corrected).toBe(whole.corrected - 100);
  expect(await replay(stage, type)).toMatchObject({ corrected: 0, hash: whole.hash });
});

test("refuses windows of which retention has deleted a part, and makes the others whole", async () => {
  const stage = await anHour();
  const at = (await stage.records("telemetry")).find(({ timestamp }) => timestamp >= T0 + 20 * MINUTE)?.offset ?? 0;
  stage.log.trim("telemetry", 0, at);
  const reach = T0 + (20 + 10 + 1) * MINUTE;
  await expect(replay(stage, BEFORE, { range: { from: reach - 1, to: ALL_TIME.to } })).rejects.toThrow(
    `the log holds windows whole that end after ${new Date(reach).toISOString()} only`,
  );
  const range = { from: reach, to: ALL_TIME.to };
  expect(await replay(stage, BEFORE, { range })).toMatchObject({ corrected: 0 });
  const late = typeOf(5 * MINUTE, [MINUTE]);
  const kept = (rows: readonly string[]) => rows.filter((row) => Number(row.split(" ")[2]) + MINUTE > reach);
  const wanted = await fromTheStart(await anHour(), late);
  expect((await replay(stage, late, { range })).corrections.changed).toBeGreaterThan(0);
  const over = (rows: readonly string[]) => kept(rows).filter((row) => Number(row.split(" ")[2]) < T0 + 50 * MINUTE);
  expect(over(await stored(stage))).toEqual(over(wanted));
});

test("counts what a device has sent and had run again before it was disabled, also where the log no more tells of it", async () => {
  const stage = new PastMainStage();
  stage.control(T0, { v: 1, kind: "device-type", revision: 1, removed: false, type: BEFORE });
  stage.message("c", T0, [{ ts: T0, values: { x: 1 } }]);
  stage.control(T0 + 1, redriveOf("c", 0, [{ ts: T0 + 1, values: { x: 2 } }]));
  stage.message("c", T0 + DAY, [{ ts: T0 + DAY, values: { x: 1 } }]);
  await stage.run();
  const untyped = typeOf(BEFORE.allowedLatenessMs, BEFORE.windowMs);
  const configuration = { types: [untyped], tables: [], devices: [{ ...deviceOf("c", true), type: null }] };
  expect(await replay(stage, BEFORE, { configuration })).toMatchObject({ results: 1, corrected: 0 });
});
