import { median } from "../statistics.ts";
import { fitExponent } from "./fit-exponent.ts";
import { CURVE_NAMES, GROWTH_CURVES, type CurveName } from "./growth-loads.ts";
import type { FunctionRun } from "../functions/measure-function.ts";
import type { Machine } from "../machine.ts";
import type { HistoryFilled, HistoryRound } from "./history-table.ts";

/** Above it, a cost per message is said to grow with the size. */
export const EXPONENT_LIMIT = 0.05;

export const DIMENSIONS = ["devices", "partitions", "rules", "history"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** When and where something was measured: dimensions may be measured on different days. */
export interface Measured {
  readonly date: string;
  readonly command: string;
  readonly note: string;
  readonly machine: Machine;
}

export interface CurveMeasured extends Measured {
  readonly sizes: readonly { readonly size: number; readonly runs: readonly FunctionRun[] }[];
}

export interface HistoryMeasured extends Measured {
  readonly devices: number;
  readonly sizes: readonly {
    readonly size: number;
    readonly filled: HistoryFilled;
    readonly rounds: readonly HistoryRound[];
  }[];
}

/** What lies under docs/benchmarks/raw/growth.json. A dimension that was not measured yet is absent. */
export interface GrowthReport {
  readonly curves: Partial<Record<CurveName, CurveMeasured>>;
  readonly history?: HistoryMeasured;
}

/** Curves that are measured for a dimension; the history is measured by other means. */
export const CURVES_OF: Readonly<Record<Dimension, readonly CurveName[]>> = {
  devices: ["devices", "spread"],
  partitions: ["partitions"],
  rules: ["rules", "rulesOfAll", "changes"],
  history: [],
};

/** A cost over the sizes at which it was measured, in µs of CPU. */
export interface CostCurve {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  /** Of each run, per message or question. */
  readonly points: readonly { readonly size: number; readonly costs: readonly number[] }[];
  /** Of the medians. Null where only one size was measured, and where one costs nothing. */
  readonly exponent: number | null;
}

export function costCurves(report: GrowthReport): readonly CostCurve[] {
  const ofStage = CURVE_NAMES.flatMap((name) => {
    const measured = report.curves[name];
    if (measured === undefined) return [];
    const { what, unit } = GROWTH_CURVES[name];
    const points = measured.sizes.map(({ size, runs }) => {
      return { size, costs: runs.map(({ cpuSeconds, messages }) => (1e6 * cpuSeconds) / messages) };
    });
    return [curveOf({ name, what, unit, points })];
  });
  return [...ofStage, ...historyCurves(report.history)];
}

function historyCurves(history: HistoryMeasured | undefined): readonly CostCurve[] {
  if (history === undefined) return [];
  const curve = (
    name: string,
    what: string,
    cost: (round: HistoryRound, filled: HistoryFilled) => number,
  ): CostCurve => {
    const points = history.sizes.map(({ size, filled, rounds }) => {
      return { size, costs: rounds.map((round) => 1e6 * cost(round, filled)) };
    });
    return curveOf({ name, what, unit: "rows", points });
  };
  const stored = ({ insertCpuSeconds, rollupCpuSeconds, messages }: HistoryRound, filled: HistoryFilled): number =>
    (insertCpuSeconds + rollupCpuSeconds) / messages + mergesOf(filled);
  const merges = history.sizes.map(({ size, filled }) => ({ size, costs: [1e6 * mergesOf(filled)] }));
  return [
    curve("history: sink", "the sink's CPU for a message of six rows", (r) => r.sinkCpuSeconds / r.messages),
    curve("history: insert", "ClickHouse's CPU for it until it is in", (r) => r.insertCpuSeconds / r.messages),
    curve("history: roll-ups", "ClickHouse's CPU for its roll-ups", (r) => r.rollupCpuSeconds / r.messages),
    curveOf({
      name: "history: merges",
      what: "ClickHouse's CPU for the merges that follow, of all tables, on average of the second half of the history",
      unit: "rows",
      points: merges,
    }),
    curve("history: stored", "ClickHouse's CPU for it: insert, roll-ups and merges", stored),
    curve(
      "history: message",
      "all that it costs from the log on: sink and ClickHouse",
      (r, filled) => r.sinkCpuSeconds / r.messages + stored(r, filled),
    ),
    curve(
      "history: question",
      "ClickHouse's CPU for the newest ten minutes of a metric of one device",
      (r) => r.queryCpuSeconds / r.queries,
    ),
  ];
}

/** CPU seconds of merges per message. */
function mergesOf({ merges: { cpuSeconds, messages } }: HistoryFilled): number {
  return cpuSeconds / messages;
}

function curveOf(curve: Omit<CostCurve, "exponent">): CostCurve {
  const points = curve.points.map(({ size, costs }) => ({ size, cost: median(costs) }));
  const hasExponent = points.length > 1 && points.every(({ cost }) => cost > 0);
  return { ...curve, exponent: hasExponent ? fitExponent(points) : null };
}
