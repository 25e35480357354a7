import type { Aggregate, Reading } from "../../core/derived-records.ts";
import type { OracleResult, OracleWindows } from "./oracle-windows.ts";

/** What the windows' functions of tests make of a window: one metric comes and goes, one is a text. */
export function resultOf(values: readonly number[]) {
  const sum = values.reduce((total, value) => total + value, 0);
  return { count: values.length, sum, odd: values.length % 2 === 1 ? sum : undefined, text: `${sum}` };
}

/** One record of `aggregates` as a line. */
export function aggregateLine({ device, metric, start, revision, count, mean }: Aggregate): string {
  return lineOf(device, metric, start, revision, count, mean);
}

/** One derived reading as a line. */
export function readingLine({ device, ts, metrics }: Pick<Reading, "device" | "ts" | "metrics">): string {
  return lineOf(device, ts, JSON.stringify(metrics));
}

/** What an oracle expects of a function in `aggregates`: lines, sorted. */
export function expectedAggregates(name: string, { results }: OracleWindows): string[] {
  const lines = [...results].flatMap(([device, all]) => {
    const names = new Map<number, readonly string[]>();
    return all.flatMap(({ start, revision, cause, values }) => {
      const made = cause === "withdrawn" ? [] : Object.entries(resultOf(values));
      const now = made.filter((entry): entry is [string, number] => typeof entry[1] === "number");
      const gone = (names.get(start) ?? []).filter((known) => !now.some(([metric]) => metric === known));
      names.set(
        start,
        now.map(([metric]) => metric),
      );
      return [
        ...now.map(([metric, value]) => lineOf(device, `${name}.${metric}`, start, revision, 1, value)),
        ...gone.map((metric) => lineOf(device, `${name}.${metric}`, start, revision, 0, 0)),
      ];
    });
  });
  return lines.sort();
}

/** The first result of a window that is no early one is a reading; a session is one again when it has become longer. Lines, sorted. */
export function expectedReadings({ results }: OracleWindows, isSession = false): string[] {
  const lines = [...results].flatMap(([device, all]) => {
    return all
      .filter(({ cause }) => cause === "close" || cause === "late")
      .flatMap((result, index, told) => {
        if (isSession ? isTold(result, told.slice(0, index)) : told.findIndex((one) => isSame(one, result)) < index)
          return [];
        return [resultLine(device, result)];
      });
  });
  return lines.sort();
}

/** Of windows without revisions: every result is a reading. Lines, sorted. */
export function expectedOfEach({ results }: OracleWindows): string[] {
  return [...results].flatMap(([device, all]) => all.map((result) => resultLine(device, result))).sort();
}

function resultLine(device: string, { end, values }: OracleResult): string {
  return lineOf(device, end - 1, JSON.stringify(resultOf(values)));
}

function isSame(a: OracleResult, b: OracleResult): boolean {
  return a.start === b.start && a.end === b.end;
}

/** A part of it was a reading at its end or later. */
function isTold({ start, end }: OracleResult, before: readonly OracleResult[]): boolean {
  return before.some((one) => one.start >= start && one.end <= end && one.end === end);
}

function lineOf(...parts: readonly (string | number)[]): string {
  return parts.join(" ");
}
