export interface LivePoint {
  readonly ts: number;
  readonly value: number;
  readonly received: number;
}

/**
 * Live points of one metric in event-time order, bounded: the oldest arrivals in time go first. Most points arrive in order and are
 * appended; a late one is put where it belongs; one with a time that is already there replaces it.
 */
export class LiveBuffer {
  readonly #pointsMax: number;
  #points: LivePoint[] = [];
  #droppedBefore = -Infinity;

  constructor(pointsMax: number) {
    this.#pointsMax = pointsMax;
  }

  get points(): readonly LivePoint[] {
    return this.#points;
  }

  /** Points before this time may have been dropped: live data is complete only from here on. */
  get droppedBefore(): number {
    return this.#droppedBefore;
  }

  get lastTs(): number | null {
    return this.#points.at(-1)?.ts ?? null;
  }

  push(point: LivePoint): void {
    if (point.ts < this.#droppedBefore) return;
    const last = this.lastTs;
    if (last === null || point.ts > last) this.#points.push(point);
    else this.#insert(point);
    // Cut in strides: shifting one by one would move the whole array for every point.
    if (this.#points.length >= this.#pointsMax * 1.25) {
      this.#points = this.#points.slice(-this.#pointsMax);
      this.#droppedBefore = this.#points[0]?.ts ?? -Infinity;
    }
  }

  #insert(point: LivePoint): void {
    const index = lowerBound(this.#points, point.ts);
    const replaced = this.#points[index]?.ts === point.ts ? 1 : 0;
    this.#points.splice(index, replaced, point);
  }
}

/** The first index whose time is not before `ts`. */
export function lowerBound(points: readonly { readonly ts: number }[], ts: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle]?.ts ?? Infinity) < ts) low = middle + 1;
    else high = middle;
  }
  return low;
}
