import fc from "fast-check";
import { expect } from "vitest";
import { aggregateSchema } from "../../core/derived-records.ts";
import { z } from "../../kit/function.ts";
import { controlLogRecord } from "./log-records.ts";
import { flushRecord, readingRecord, runRecords, START, typeRecord } from "./function-run.ts";
import { outputBytes, valuesOf } from "./stage-run.ts";
import {
  aggregateLine,
  expectedAggregates,
  expectedOfEach,
  expectedReadings,
  readingLine,
  resultOf,
} from "./window-expectations.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { FunctionRun } from "./function-run.ts";
import type { OracleMessage, OracleTime } from "./oracle-timeline.ts";
import type { OracleWindows } from "./oracle-windows.ts";

const DAY = 86_400_000;
export const FLUSH_UP_TO = START + 1000 * DAY;

/** How one generated record differs from the one before it: late, early, again, or silence. */
interface Move {
  readonly device: number;
  readonly advance: number;
  readonly lag: number;
  readonly value: number;
  readonly kind: "reading" | "other" | "tick" | "repeat";
}

/** Times in units of the stream. */
export const move: fc.Arbitrary<Move> = fc.record({
  device: fc.nat(1),
  advance: fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(40) }),
  lag: fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(30) }),
  value: fc.integer({ min: 1, max: 9 }),
  kind: fc.constantFrom("reading", "reading", "reading", "reading", "reading", "reading", "repeat", "other", "tick"),
});

export interface Time extends OracleTime {
  readonly ownLateness: boolean;
}

export const times = (unit: number): fc.Arbitrary<Time> =>
  fc.record({
    outOfOrderMs: fc.constantFrom(0, 0, 2 * unit),
    allowedLatenessMs: fc.constantFrom(0, 4 * unit, 20 * unit),
    idleMs: fc.constantFrom(0, unit, 8 * unit),
    ownLateness: fc.boolean(),
  });

export interface Scenario {
  readonly records: readonly LogRecord[];
  readonly messages: readonly OracleMessage[];
}

const DEVICES = ["a", "b"];

export function scenarioOf(moves: readonly Move[], time: Time, unit: number, startAt = 0): Scenario {
  const { outOfOrderMs, idleMs } = time;
  const allowedLatenessMs = time.ownLateness ? 99 * DAY : time.allowedLatenessMs;
  const records: LogRecord[] = [typeRecord({ outOfOrderMs, idleMs, allowedLatenessMs }, DEVICES)];
  const messages: OracleMessage[] = [{ device: null, received: START, readings: [] }];
  let received = startAt;
  let last = { ts: startAt, x: 0 };
  for (const { device: index, advance, lag, value, kind } of moves) {
    received += advance * unit;
    const device = DEVICES[index] ?? "a";
    const offset = records.length;
    if (kind === "tick") {
      records.push(controlLogRecord(offset, START + received, { v: 1, kind: "tick" }));
      messages.push({ device: null, received: START + received, readings: [] });
      continue;
    }
    if (kind !== "repeat") last = { ts: received - lag * unit, x: value };
    const metrics: Record<string, number> = kind === "other" ? { y: value } : { x: last.x };
    records.push(readingRecord(offset, { device, at: last.ts, received, metrics }));
    messages.push({ device, received: START + received, readings: [{ ts: START + last.ts, values: metrics }] });
  }
  records.push(flushRecord(records.length, received));
  return { records, messages };
}

export const stats = {
  name: "stats",
  input: z.object({ x: z.number() }),
  accumulator: z.object({ values: z.array(z.number()) }),
  initial: () => ({ values: [] }),
  add: ({ values }: { values: number[] }, { metrics: { x } }: { metrics: { x: number } }) => ({
    values: [...values, x],
  }),
  result: ({ values }: { values: number[] }) => resultOf(values),
} as const;

function madeAggregates({ run }: FunctionRun): string[] {
  return valuesOf(run, "aggregates")
    .map((value) => aggregateLine(aggregateSchema.parse(value)))
    .sort();
}

function madeReadings({ readings }: FunctionRun): string[] {
  return readings.map(readingLine).sort();
}

export function compare(fn: StageFunction, scenario: Scenario, oracle: OracleWindows, isSession = false): void {
  const run = runRecords([fn], scenario.records);
  expect(run.deadLetters).toHaveLength(oracle.failed);
  expect(run.events.filter(({ kind }) => kind === "late-dropped").length).toBe(oracle.lateDropped);
  expect(madeAggregates(run)).toEqual(expectedAggregates(fn.name, oracle));
  expect(madeReadings(run)).toEqual(expectedReadings(oracle, isSession));
  expect(keptWindows(run)).toEqual([]);
  compareRestored(fn, scenario, run);
}

/** At the end all windows have been let go. */
function keptWindows({ run }: FunctionRun): string[] {
  const slots = [...run.state.snapshotChunks()].flatMap((chunk) => chunk.slots);
  return slots.map(({ name }) => name).filter((name) => /^([sw]|@timer)\//.test(name));
}

/** Restored after every record: of a snapshot and up to two units. */
function compareRestored(fn: StageFunction, { records }: Scenario, { run }: FunctionRun): void {
  const restored = runRecords([fn], records, (call) => (call % 3 === 0 ? "snapshot" : "restart"));
  expect(outputBytes(restored.run)).toEqual(outputBytes(run));
}

export const streams = (unit: number) => [fc.array(move, { maxLength: 40, size: "max" }), times(unit)] as const;
export const lateness = ({ ownLateness, allowedLatenessMs }: Time) =>
  ownLateness ? { allowedLateness: allowedLatenessMs } : {};

/** Of windows without revisions: every result is a reading. */
export function compareReadings(fn: StageFunction, scenario: Scenario, oracle: OracleWindows): void {
  const run = runRecords([fn], scenario.records);
  expect(run.deadLetters).toEqual([]);
  expect(run.events.filter(({ kind }) => kind === "late-dropped").length).toBe(oracle.lateDropped);
  expect(madeAggregates(run)).toEqual([]);
  expect(madeReadings(run)).toEqual(expectedOfEach(oracle));
  compareRestored(fn, scenario, run);
}
