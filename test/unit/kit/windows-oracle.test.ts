import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aggregateSchema } from "../../../core/derived-records.ts";
import { calendar, count, defineStream, hopping, session, sliding, tumbling, z } from "../../../kit/function.ts";
import { controlLogRecord } from "../../support/log-records.ts";
import { flushRecord, readingRecord, runRecords, START, typeRecord } from "../../support/function-run.ts";
import { alignedOracle, countOracle, sessionOracle, slidingOracle } from "../../support/oracle-windows.ts";
import { outputBytes, valuesOf } from "../../support/stage-run.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { OracleMessage, OracleTime } from "../../support/oracle-timeline.ts";
import type { OracleResult, OracleWindows } from "../../support/oracle-windows.ts";
import type { FunctionRun } from "../../support/function-run.ts";

const SLOW = { timeout: 60_000 };
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FLUSH_UP_TO = START + 1000 * DAY;

/** How one generated record differs from the one before it: late, early, again, or silence. */
interface Move {
  readonly device: number;
  readonly advance: number;
  readonly lag: number;
  readonly value: number;
  readonly kind: "reading" | "other" | "tick" | "repeat";
}

/** Times in units of the stream. */
const move: fc.Arbitrary<Move> = fc.record({
  device: fc.nat(1),
  advance: fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(40) }),
  lag: fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(30) }),
  value: fc.integer({ min: 1, max: 9 }),
  kind: fc.constantFrom("reading", "reading", "reading", "reading", "reading", "reading", "repeat", "other", "tick"),
});

interface Time extends OracleTime {
  readonly ownLateness: boolean;
}

const times = (unit: number): fc.Arbitrary<Time> =>
  fc.record({
    outOfOrderMs: fc.constantFrom(0, 0, 2 * unit),
    allowedLatenessMs: fc.constantFrom(0, 4 * unit, 20 * unit),
    idleMs: fc.constantFrom(0, unit, 8 * unit),
    ownLateness: fc.boolean(),
  });

interface Scenario {
  readonly records: readonly LogRecord[];
  readonly messages: readonly OracleMessage[];
}

const DEVICES = ["a", "b"];

function scenarioOf(moves: readonly Move[], time: Time, unit: number, startAt = 0): Scenario {
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

const stats = {
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

function compare(
  fn: ReturnType<typeof defineStream>,
  scenario: Scenario,
  oracle: OracleWindows,
  isSession = false,
): void {
  const run = runRecords([fn], scenario.records);
  expect(run.deadLetters).toEqual([]);
  expect(run.events.filter(({ kind }) => kind === "late-dropped").length).toBe(oracle.lateDropped);
  expect(madeAggregates(run)).toEqual(expectedAggregates(oracle));
  expect(madeReadings(run)).toEqual(expectedReadings(oracle, isSession));
  compareRestored(fn, scenario, run);
}

/** Restored after every record: of a snapshot and up to two units. */
function compareRestored(fn: ReturnType<typeof defineStream>, { records }: Scenario, { run }: FunctionRun): void {
  const restored = runRecords([fn], records, (call) => (call % 3 === 0 ? "snapshot" : "restart"));
  expect(outputBytes(restored.run)).toEqual(outputBytes(run));
}

const streams = (unit: number) => [fc.array(move, { maxLength: 40, size: "max" }), times(unit)] as const;
const lateness = ({ ownLateness, allowedLatenessMs }: Time) =>
  ownLateness ? { allowedLateness: allowedLatenessMs } : {};

describe("windows of random streams are what a brute-force recomputation gives, also when restored after every record", () => {
  const early = fc.constantFrom(null, null, 2 * SECOND, 3 * SECOND);

  it("tumbling", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), early, (moves, time, earlyMs) => {
        const fn = defineStream({
          ...stats,
          ...lateness(time),
          window: tumbling("10s"),
          ...(earlyMs === null ? {} : { early: earlyMs }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const windowsOf = (ts: number) => [{ start: ts - (ts % 10_000), end: ts - (ts % 10_000) + 10_000 }];
        const options = { windowsOf, earlyMs, latenessMs: time.allowedLatenessMs };
        compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("hopping", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), early, fc.constantFrom(2, 3, 7, 10), (moves, time, earlyMs, every) => {
        const hop = every * SECOND;
        const fn = defineStream({
          ...stats,
          ...lateness(time),
          window: hopping("10s", hop),
          ...(earlyMs === null ? {} : { early: earlyMs }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const windowsOf = (ts: number) => {
          const from = Math.floor(ts / hop) - 20;
          const starts = Array.from({ length: 41 }, (_, index) => (from + index) * hop);
          return starts
            .filter((start) => start <= ts && ts < start + 10_000)
            .map((start) => ({ start, end: start + 10_000 }));
        };
        const options = { windowsOf, earlyMs, latenessMs: time.allowedLatenessMs };
        compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("sessions", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), (moves, time) => {
        const fn = defineStream({
          ...stats,
          ...lateness(time),
          window: session("5s"),
          merge: (a, b) => ({ values: [...a.values, ...b.values] }),
        });
        const scenario = scenarioOf(moves, time, SECOND);
        const options = { gapMs: 5000, latenessMs: time.allowedLatenessMs };
        compare(fn, scenario, sessionOracle(scenario.messages, time, FLUSH_UP_TO, options), true);
      }),
      { numRuns: 120 },
    );
  });

  it("sliding", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), fc.constantFrom(4000, 10_000, 1600), (moves, time, sizeMs) => {
        const fn = defineStream({ ...stats, ...lateness(time), window: sliding(sizeMs) });
        const scenario = scenarioOf(moves, time, SECOND);
        const options = { sizeMs, latenessMs: time.allowedLatenessMs };
        compareReadings(fn, scenario, slidingOracle(scenario.messages, time, FLUSH_UP_TO, options));
      }),
      { numRuns: 100 },
    );
  });

  it("count", SLOW, () => {
    fc.assert(
      fc.property(...streams(SECOND), fc.integer({ min: 1, max: 5 }), (moves, time, readings) => {
        const fn = defineStream({ ...stats, window: count(readings) });
        const scenario = scenarioOf(moves, time, SECOND);
        compareReadings(fn, scenario, countOracle(scenario.messages, time, FLUSH_UP_TO, readings));
      }),
      { numRuns: 60 },
    );
  });
});

/** Of windows without revisions: every result is a reading. */
function compareReadings(fn: ReturnType<typeof defineStream>, scenario: Scenario, oracle: OracleWindows): void {
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

describe("calendar windows", () => {
  const zones = ["Europe/Berlin", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"];
  /** Around changes of clocks, days after START. */
  const edges = [85, 86, 297, 298, 65, 66, 303, 304, 86.9, 92, 93];

  it("are what a brute-force recomputation gives around changes of clocks, also when restored", SLOW, () => {
    fc.assert(
      fc.property(
        ...streams(HOUR),
        fc.constantFrom(...zones),
        fc.constantFrom(...edges),
        fc.constantFrom("day", "week", "month"),
        (moves, time, zone, edge, unit) => {
          const fn = defineStream({ ...stats, ...lateness(time), window: calendar(unit, zone) });
          const scenario = scenarioOf(moves, time, HOUR, edge * DAY - 20 * HOUR);
          const options = { windowsOf: calendarOf(unit, zone), earlyMs: null, latenessMs: time.allowedLatenessMs };
          compare(fn, scenario, alignedOracle(scenario.messages, time, FLUSH_UP_TO, options));
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** Goes from half hour to half hour until the clock on the wall shows another day, week or month. */
function calendarOf(unit: "day" | "week" | "month", zone: string) {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" });
  const known = new Map<number, string>();
  const periodAt = (ts: number): string => {
    const text = known.get(ts) ?? format.format(ts);
    known.set(ts, text);
    if (unit === "day") return text;
    if (unit === "month") return text.slice(0, 7);
    return String(Math.floor((Date.parse(text) / DAY + 3) / 7));
  };
  const STEP = HOUR / 2;
  return (ts: number) => {
    const period = periodAt(Math.floor(ts / STEP) * STEP);
    let start = Math.floor(ts / STEP) * STEP;
    while (periodAt(start - STEP) === period) start -= STEP;
    let end = start + STEP;
    while (periodAt(end) === period) end += STEP;
    return [{ start, end }];
  };
}
