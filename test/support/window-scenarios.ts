import fc from "fast-check";
import { expect } from "vitest";
import { aggregateSchema } from "../../core/derived-records.ts";
import { z } from "../../kit/function.ts";
import { controlLogRecord } from "./log-records.ts";
import { flushRecord, readingRecord, runRecords, START, typeRecord } from "./function-run.ts";
import { outputBytes, valuesOf } from "./stage-run.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord } from "../../core/record.ts";
import type { FunctionRun } from "./function-run.ts";
import type { OracleMessage, OracleTime } from "./oracle-timeline.ts";
import type { OracleResult, OracleWindows } from "./oracle-windows.ts";

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

/** One metric comes and goes, one is a text. */
function resultOf(values: readonly number[]) {
  const sum = values.reduce((total, value) => total + value, 0);
  return { count: values.length, sum, odd: values.length % 2 === 1 ? sum : undefined, text: `${sum}` };
}

/** What the oracle expects of the topic `aggregates`, by window, in order: [device, metric, start, revision, count, value]. */
function expectedAggregates({ results }: OracleWindows): unknown[] {
  const lines = [...results].flatMap(([device, all]) => {
    const names = new Map<number, readonly string[]>();
    return all.flatMap(({ start, revision, cause, values }) => {
      const made = cause === "withdrawn" ? [] : Object.entries(resultOf(values));
      const now = made.filter((entry): entry is [string, number] => typeof entry[1] === "number");
      const gone = (names.get(start) ?? []).filter((name) => !now.some(([known]) => known === name));
      names.set(
        start,
        now.map(([name]) => name),
      );
      return [
        ...now.map(([name, value]) => [device, `stats.${name}`, start, revision, 1, value]),
        ...gone.map((name) => [device, `stats.${name}`, start, revision, 0, 0]),
      ];
    });
  });
  return byText(lines);
}

/** The first result of a window that is no early one is a reading; a session is one again when it has become longer. */
function expectedReadings({ results }: OracleWindows, isSession = false): unknown[] {
  const lines = [...results].flatMap(([device, all]) => {
    return all
      .filter(({ cause }) => cause === "close" || cause === "late")
      .flatMap((result, index, told) => {
        if (isSession ? isTold(result, told.slice(0, index)) : told.findIndex((one) => isSame(one, result)) < index)
          return [];
        return [[device, result.end - 1, JSON.stringify(resultOf(result.values))]];
      });
  });
  return byText(lines);
}

function isSame(a: OracleResult, b: OracleResult): boolean {
  return a.start === b.start && a.end === b.end;
}

/** A part of it was a reading at its end or later. */
function isTold({ start, end }: OracleResult, before: readonly OracleResult[]): boolean {
  return before.some((one) => one.start >= start && one.end <= end && one.end === end);
}

function madeAggregates({ run }: FunctionRun): unknown[] {
  const all = valuesOf(run, "aggregates").map((value) => aggregateSchema.parse(value));
  return byText(
    all.map(({ device, metric, start, revision, count: n, mean }) => [device, metric, start, revision, n, mean]),
  );
}

function madeReadings({ readings }: FunctionRun): unknown[] {
  return byText(readings.map(({ device, ts, metrics }) => [device, ts, JSON.stringify(metrics)]));
}

function byText(lines: readonly unknown[][]): unknown[] {
  return lines.map((line) => line.join(" ")).sort();
}

export function compare(fn: StageFunction, scenario: Scenario, oracle: OracleWindows, isSession = false): void {
  const run = runRecords([fn], scenario.records);
  expect(run.deadLetters).toEqual([]);
  expect(run.events.filter(({ kind }) => kind === "late-dropped").length).toBe(oracle.lateDropped);
  expect(madeAggregates(run)).toEqual(expectedAggregates(oracle));
  expect(madeReadings(run)).toEqual(expectedReadings(oracle, isSession));
  compareRestored(fn, scenario, run);
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
  const expected = [...oracle.results].flatMap(([device, all]) => {
    return all.map(({ end, values }) => [device, end - 1, JSON.stringify(resultOf(values))]);
  });
  expect(madeReadings(run)).toEqual(byText(expected));
  compareRestored(fn, scenario, run);
}
