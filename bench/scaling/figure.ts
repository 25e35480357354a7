import { median } from "../statistics.ts";

/** Something that was measured several times: its middle, and the least and the most of the runs. */
export interface Figure {
  readonly low: number;
  readonly mid: number;
  readonly high: number;
  /** The file of docs/benchmarks/raw that it was read from, and what of it. */
  readonly source: string;
  readonly runs: number;
}

/** RangeError without values: a raw file without runs says nothing. */
export function figureOf(source: string, values: readonly number[]): Figure {
  if (values.length === 0) throw new RangeError(`${source} holds no runs: measure it again`);
  return { low: Math.min(...values), mid: median(values), high: Math.max(...values), source, runs: values.length };
}

/** All three of several, added as if the runs of each had been lucky, and unlucky, together. */
export function sumOf(source: string, figures: readonly Figure[]): Figure {
  const add = (of: (figure: Figure) => number): number => figures.reduce((sum, figure) => sum + of(figure), 0);
  const runs = Math.min(...figures.map((figure) => figure.runs));
  return { low: add(({ low }) => low), mid: add(({ mid }) => mid), high: add(({ high }) => high), source, runs };
}

export function scaled({ low, mid, high, ...rest }: Figure, factor: number): Figure {
  return { ...rest, low: low * factor, mid: mid * factor, high: high * factor };
}
