/** A cost at a size. Both are greater than 0. */
export interface SizedCost {
  readonly size: number;
  readonly cost: number;
}

/**
 * The exponent e of cost = c · size^e: the slope of the least-squares line of log cost over log size. 0: the cost does not depend on the size,
 * 1: it grows as the size does. Throws a RangeError for less than two sizes, and for what has no logarithm.
 */
export function fitExponent(points: readonly SizedCost[]): number {
  if (points.some(({ size, cost }) => !(size > 0) || !(cost > 0)))
    throw new RangeError("an exponent is fitted to sizes and costs above 0: leave out what was not measured");
  const logs = points.map(({ size, cost }) => [Math.log(size), Math.log(cost)] as const);
  const meanX = mean(logs.map(([x]) => x));
  const meanY = mean(logs.map(([, y]) => y));
  const spread = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (spread === 0) throw new RangeError("an exponent takes at least two different sizes");
  return logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
