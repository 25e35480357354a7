import { calendarOf } from "../support/calendar-oracle.ts";
import { alignedOracle, countOracle, sessionOracle, slidingOracle } from "../support/oracle-windows.ts";
import { expectedAggregates, expectedOfEach, expectedReadings } from "../support/window-expectations.ts";
import {
  COUNT,
  EARLY_MS,
  GAP_MS,
  HOP_MS,
  HOPPING_MS,
  SLIDING_MS,
  TIME,
  TUMBLING_MS,
  ZONE,
  type WindowFunction,
} from "./window-functions.ts";
import type { OracleMessage } from "../support/oracle-timeline.ts";
import type { OracleWindows } from "../support/oracle-windows.ts";
import type { Made, StageOutputs } from "./stage-outputs.ts";

/** Results of windows as lines of `aggregates` and readings: how many an oracle expects, and in what the log differs. */
export interface WindowDifferences {
  readonly expected: number;
  /** Expected, and nothing of this window is there instead. */
  readonly missing: number;
  /** Another result than the expected one. */
  readonly wrong: number;
  /** There more often than expected. */
  readonly doubled: number;
  /** Readings that were too late for their window, more or less than expected. */
  readonly lateDropped: number;
}

const NOTHING: Made = { aggregates: [], readings: [], lateDropped: 0 };
const NO_REVISIONS: readonly WindowFunction[] = ["sliding", "count"];

/** Recomputes what every function must have made of what the stage has read, and compares. `flushUpTo`: to where all time has come. */
export function compareWindows(
  { messages, made }: StageOutputs,
  flushUpTo: number,
): Readonly<Record<WindowFunction, WindowDifferences>> {
  const differences = (name: WindowFunction): WindowDifferences => {
    const oracles = [...messages.values()].map((own) => upTo(oracleOf(name, own, flushUpTo), flushUpTo));
    return differencesOf(name, oracles, made.get(name) ?? NOTHING);
  };
  return {
    tumbling: differences("tumbling"),
    hopping: differences("hopping"),
    sliding: differences("sliding"),
    session: differences("session"),
    count: differences("count"),
    calendar: differences("calendar"),
  };
}

function oracleOf(name: WindowFunction, messages: readonly OracleMessage[], flushUpTo: number): OracleWindows {
  const { allowedLatenessMs: latenessMs } = TIME;
  const aligned = (windowsOf: (ts: number) => { start: number; end: number }[], earlyMs: number | null = null) =>
    alignedOracle(messages, TIME, flushUpTo, { windowsOf, earlyMs, latenessMs });
  switch (name) {
    case "tumbling":
      return aligned((ts) => [windowFrom(ts - (ts % TUMBLING_MS), TUMBLING_MS)], EARLY_MS);
    case "hopping":
      return aligned((ts) => {
        const last = ts - (ts % HOP_MS);
        return Array.from({ length: HOPPING_MS / HOP_MS }, (_, n) => windowFrom(last - n * HOP_MS, HOPPING_MS));
      });
    case "sliding":
      return slidingOracle(messages, TIME, flushUpTo, { sizeMs: SLIDING_MS, latenessMs });
    case "session":
      return sessionOracle(messages, TIME, flushUpTo, { gapMs: GAP_MS, latenessMs });
    case "count":
      return countOracle(messages, TIME, flushUpTo, COUNT);
    case "calendar":
      return aligned(calendarOf("day", ZONE));
  }
}

function windowFrom(start: number, size: number): { start: number; end: number } {
  return { start, end: start + size };
}

/** An oracle lets all windows end; those of today's calendar are still open. */
function upTo({ results, ...rest }: OracleWindows, flushUpTo: number): OracleWindows {
  const ended = [...results].map(([device, all]) => [device, all.filter(({ end }) => end <= flushUpTo)] as const);
  return { results: new Map(ended), ...rest };
}

function differencesOf(name: WindowFunction, oracles: readonly OracleWindows[], made: Made): WindowDifferences {
  const hasRevisions = !NO_REVISIONS.includes(name);
  const aggregates = hasRevisions ? oracles.flatMap((oracle) => expectedAggregates(name, oracle)) : [];
  const readings = oracles.flatMap((oracle) => {
    return hasRevisions ? expectedReadings(oracle, name === "session") : expectedOfEach(oracle);
  });
  const lateDropped = oracles.reduce((sum, oracle) => sum + oracle.lateDropped, 0);
  // device metric start revision, and device ts: what a line is the result of.
  const ofAggregates = difference(aggregates, made.aggregates, 4);
  const ofReadings = difference(readings, made.readings, 2);
  return {
    expected: aggregates.length + readings.length,
    missing: ofAggregates.missing + ofReadings.missing,
    wrong: ofAggregates.wrong + ofReadings.wrong,
    doubled: ofAggregates.doubled + ofReadings.doubled,
    lateDropped: Math.abs(lateDropped - made.lateDropped),
  };
}

/** Lines that are there too often or not often enough. Of each in place of another of the same window, one is wrong. */
export function difference(
  expected: readonly string[],
  made: readonly string[],
  identityParts: number,
): Pick<WindowDifferences, "missing" | "wrong" | "doubled"> {
  const counts = new Map<string, number>();
  for (const line of made) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of expected) counts.set(line, (counts.get(line) ?? 0) - 1);
  const windows = new Map<string, { more: number; less: number }>();
  for (const [line, count] of counts) {
    if (count === 0) continue;
    const identity = line.split(" ").slice(0, identityParts).join(" ");
    const { more, less } = windows.get(identity) ?? { more: 0, less: 0 };
    windows.set(identity, { more: more + Math.max(0, count), less: less + Math.max(0, -count) });
  }
  const sums = { missing: 0, wrong: 0, doubled: 0 };
  for (const { more, less } of windows.values()) {
    const wrong = Math.min(more, less);
    sums.wrong += wrong;
    sums.missing += less - wrong;
    sums.doubled += more - wrong;
  }
  return sums;
}
