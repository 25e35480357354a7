import { describe, expect, it } from "vitest";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { calendar, count, defineStream, hopping, session, sliding, tumbling, z } from "../../../kit/function.ts";
import { flushRecord, readingRecord, stageOf, START, typeRecord } from "../../support/function-run.ts";
import type { StageFunction } from "../../../core/function.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { WindowSpec } from "../../../kit/windows.ts";

const HOUR = 3_600_000;

function windowed(window: WindowSpec, stateVersion: number, lateness: 0 | "2h" = 0): StageFunction {
  const sums = {
    name: "w",
    input: z.object({ x: z.number() }),
    accumulator: z.object({ sum: z.number() }),
    allowedLateness: lateness,
    stateVersion,
    migrate: (old: unknown) => z.object({ sum: z.number() }).parse(old),
    initial: () => ({ sum: 0 }),
    add: ({ sum }: { sum: number }, { metrics: { x } }: { metrics: { x: number } }) => ({ sum: sum + x }),
    result: ({ sum }: { sum: number }, { start, end }: { start: number; end: number }) => ({
      sum,
      from: (start - START) / HOUR,
      to: (end - START) / HOUR,
    }),
  };
  if (window.kind === "session") return defineStream({ ...sums, window, merge: (a, b) => ({ sum: a.sum + b.sum }) });
  if (window.kind !== "count") return defineStream({ ...sums, window });
  const { allowedLateness: _, ...rest } = sums;
  return defineStream({ ...rest, window });
}

const keyed = (stateVersion: number): StageFunction =>
  defineStream({
    name: "w",
    input: z.object({ x: z.number() }),
    state: z.object({ n: z.number() }),
    ttl: "1h",
    stateVersion,
    migrate: () => ({ n: 0 }),
    initial: () => ({ n: 0 }),
    process: (_reading, { n }) => ({ state: { n: n + 1 } }),
  });

/** Two readings with the first version, then the second for a month. */
function change(first: StageFunction, second: StageFunction) {
  let state = createStagePartition({ stage: stageOf(first), partition: 0, generation: 0 });
  const outputs: unknown[] = [];
  const run = (record: LogRecord): void => {
    for (let done = false; !done;) {
      done = state.process(record);
      for (const [topic, records] of state.seal()?.outputs ?? []) {
        for (const { value } of records) outputs.push([topic, JSON.parse(Buffer.from(value).toString())]);
      }
    }
  };
  run(typeRecord({ outOfOrderMs: 0 }));
  for (const at of [1000, 2000]) run(readingRecord(state.next.offset, { at, metrics: { x: 1 } }));
  outputs.splice(0);
  const snapshot = [...state.snapshotChunks()];
  state = createStagePartition({ stage: stageOf(second), partition: 0, generation: 0 }, { snapshot, units: [] });
  for (const hours of [30, 60]) {
    run(readingRecord(state.next.offset, { at: hours * HOUR, metrics: { x: 10 } }));
  }
  run(flushRecord(state.next.offset, 61 * HOUR));
  const of = (topic: string) => outputs.flatMap((output) => (isOf(output, topic) ? [output[1]] : []));
  const slots = [...state.snapshotChunks()].flatMap((chunk) => chunk.slots).filter(({ fn }) => fn === "w");
  return { readings: of("readings"), aggregates: of("aggregates"), letters: of("dead-letters"), slots };
}

function isOf(output: unknown, topic: string): output is [string, unknown] {
  return Array.isArray(output) && output[0] === topic;
}

describe("windows that are open when a version with other windows comes", () => {
  it.each([
    ["shorter ones", tumbling("1h"), tumbling("30min"), { from: 0, to: 1 }, HOUR],
    ["ones that overlap", tumbling("1h"), hopping("1h", "30min"), { from: 0, to: 1 }, HOUR],
    [
      "another zone",
      calendar("day", "America/New_York"),
      calendar("day", "Asia/Tokyo"),
      { from: -19, to: 5 },
      24 * HOUR,
    ],
    ["no calendar", calendar("day", "America/New_York"), tumbling("1h"), { from: -19, to: 5 }, 24 * HOUR],
    ["a calendar", tumbling("1h"), calendar("week", "UTC"), { from: 0, to: 1 }, HOUR],
  ])("end as they began, and are told: %s", (_, before, after, bounds, size) => {
    for (const lateness of [0, "2h"] as const) {
      const { readings, aggregates, letters, slots } = change(
        windowed(before, 1, lateness),
        windowed(after, 2, lateness),
      );
      expect(readings[0]).toMatchObject({ ts: START + bounds.to * HOUR - 1, metrics: { sum: 2, ...bounds } });
      expect(aggregates[0]).toMatchObject({ start: START + bounds.from * HOUR, size });
      expect(letters).toEqual([]);
      expect(slots.filter(({ name }) => !name.startsWith("h/"))).toEqual([]);
    }
  });

  const kinds = [tumbling("1h"), calendar("day", "Asia/Tokyo"), session("1h"), sliding("1h")] as const;
  const pairs = kinds.flatMap((before) => [...kinds, count(100)].map((after) => [before, after] as const));
  it.each(pairs.map(([before, after]) => [before.kind, after.kind, before, after] as const))(
    "are let go in their time: %s, then %s",
    (_before, _after, before, after) => {
      const { letters, slots } = change(windowed(before, 1), windowed(after, 2));
      expect(letters).toEqual([]);
      expect(slots.filter(({ name }) => /^([wsp]|@timer)\//.test(name))).toEqual([]);
    },
  );

  it("are let go where no windows come, and a device's state where windows do", () => {
    for (const window of kinds) {
      const gone = change(windowed(window, 1), keyed(2));
      expect(gone.letters).toEqual([]);
      expect(gone.slots.filter(({ name }) => /^([wsp]|@timer)\//.test(name))).toEqual([]);
      const back = change(keyed(1), windowed(window, 2));
      expect(back.letters).toEqual([]);
      expect(back.slots.filter(({ name }) => /^(state|@timer)/.test(name))).toEqual([]);
    }
  });
});
