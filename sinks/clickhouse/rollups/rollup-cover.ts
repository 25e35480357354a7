/** Event times [from, to), UTC ms. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** A range in two parts: stretches of whole buckets that are rolled up, and the gaps between them. */
export interface RollupCover {
  readonly rolledUp: readonly TimeRange[];
  readonly gaps: readonly TimeRange[];
}

/** Splits a range at buckets of `sizeMs`: those in `dirty` (their numbers, ascending) and those it cuts through are gaps. */
export function coverRange({ from, to }: TimeRange, sizeMs: number, dirty: readonly number[]): RollupCover {
  const rolledUp: TimeRange[] = [];
  const gaps: TimeRange[] = [];
  let at = Math.min(to, Math.ceil(from / sizeMs) * sizeMs);
  const end = Math.max(at, Math.floor(to / sizeMs) * sizeMs);
  let gapFrom = from;
  for (const bucket of dirty) {
    const start = bucket * sizeMs;
    if (start < at || start + sizeMs > end) continue;
    if (start > at) {
      addTo(gaps, { from: gapFrom, to: at });
      rolledUp.push({ from: at, to: start });
      gapFrom = start;
    }
    at = start + sizeMs;
  }
  addTo(gaps, { from: gapFrom, to: at });
  addTo(rolledUp, { from: at, to: end });
  if (at < end) addTo(gaps, { from: end, to });
  else extendLast(gaps, at, to);
  return { rolledUp, gaps };
}

function addTo(ranges: TimeRange[], range: TimeRange): void {
  if (range.from < range.to) ranges.push(range);
}

/** The rest behind the last bucket belongs to the gap that ends there. */
function extendLast(gaps: TimeRange[], at: number, to: number): void {
  const last = gaps.at(-1);
  if (last !== undefined && last.to === at) gaps[gaps.length - 1] = { from: last.from, to };
  else addTo(gaps, { from: at, to });
}
