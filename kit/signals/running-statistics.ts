import { z } from "zod";
import { finite } from "../../core/finite.ts";

/** Count, mean and the sum of squared distances from it (Welford 1962): exact where a sum of squares would lose all digits. */
export const statisticsSchema = z.object({ count: z.int().nonnegative(), mean: z.number(), squares: z.number() });
export type Statistics = z.infer<typeof statisticsSchema>;

export const NO_STATISTICS: Statistics = Object.freeze({ count: 0, mean: 0, squares: 0 });

export function addToStatistics({ count, mean, squares }: Statistics, value: number): Statistics {
  const distance = finite(value - mean);
  const next = mean + distance / (count + 1);
  return { count: count + 1, mean: next, squares: finite(squares + distance * finite(value - next)) };
}

/** Of both together (Chan, Golub and LeVeque 1979). */
export function mergeStatistics(a: Statistics, b: Statistics): Statistics {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const distance = finite(b.mean - a.mean);
  const squares = finite(a.squares + b.squares + distance * distance * ((a.count * b.count) / count));
  return { count, mean: a.mean + distance * (b.count / count), squares };
}

/** Of a sample, so that it is divided by one less; undefined of fewer than two values. */
export function varianceOf({ count, squares }: Statistics): number | undefined {
  return count < 2 ? undefined : squares / (count - 1);
}

export function deviationOf(statistics: Statistics): number | undefined {
  const variance = varianceOf(statistics);
  return variance === undefined ? undefined : Math.sqrt(variance);
}
