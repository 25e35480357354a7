/** Calls by the upper bound of the class that they were counted in, seconds; each class counts those below it too. */
export type CallClasses = ReadonlyMap<number, number>;

/**
 * The time, ms, below which a share of the calls lies, 0–1: between the bounds of a class all times are held to be as likely, as Prometheus'
 * `histogram_quantile` does. Of calls longer than the greatest bound that bound; null without calls.
 */
export function callTimeMs(classes: CallClasses, share: number): number | null {
  const sorted = [...classes].toSorted(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all === 0) return null;
  const rank = share * all;
  let [lower, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= rank && count > below) {
      const within = Number.isFinite(bound) ? lower + ((bound - lower) * (rank - below)) / (count - below) : lower;
      return within * 1000;
    }
    [lower, below] = [Number.isFinite(bound) ? bound : lower, count];
  }
  return lower * 1000;
}
