import { decodeCheckpoint } from "./checkpoint.ts";
import type { LogStore } from "./log-store.ts";

/**
 * The commit at which reading begins so that nothing wanted is missed: binary search for the last checkpoint at which no wanted
 * topic-partition had passed its position, and from there on. `wanted` is −1 where nothing is read.
 */
export function seekSequence(store: LogStore, wanted: Float64Array, first: number, last: number): number {
  let known = first - 1;
  let low = first;
  let high = last;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const checkpoint = checkpointAtOrBefore(store, middle, wanted.length);
    if (checkpoint === null || checkpoint.sequence < low) {
      // No checkpoint in [low, middle]: only the upper half can hold a better one.
      low = middle + 1;
    } else if (isBefore(checkpoint.ends, wanted)) {
      known = checkpoint.sequence;
      low = middle + 1;
    } else {
      high = checkpoint.sequence - 1;
    }
  }
  return known + 1;
}

function checkpointAtOrBefore(
  store: LogStore,
  sequence: number,
  rows: number,
): { readonly sequence: number; readonly ends: Float64Array } | null {
  for (const { key, value } of store.index.getRange({ start: sequence, reverse: true })) {
    const [ends] = decodeCheckpoint(value, rows)?.columns ?? [];
    if (ends !== undefined) return { sequence: key, ends };
  }
  return null;
}

function isBefore(ends: Float64Array, wanted: Float64Array): boolean {
  return wanted.every((position, index) => position < 0 || (ends[index] ?? 0) <= position);
}
