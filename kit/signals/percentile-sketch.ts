import { z } from "zod";
import { finite } from "../../core/finite.ts";

/**
 * Quantiles of many values in little room, after DDSketch (Masson, Rim and Lee 2019): buckets whose bounds grow by one factor, so that every
 * answer is off by at most `accuracy` of its value. Sketches of one accuracy can be merged.
 */
export const sketchSchema = z.object({
  /** Greatest relative error of an answer: 0.01 is 1 %. */
  accuracy: z.number(),
  /** Values too small for a bucket. */
  zeros: z.int().nonnegative(),
  /** Bucket and count, one after the other, by bucket; of positive values, and of the absolute values of negative ones. */
  positive: z.array(z.int()),
  negative: z.array(z.int()),
});
export type Sketch = z.infer<typeof sketchSchema>;

/** Below this a value counts as zero. */
const SMALLEST = 1e-12;

/** Finer buckets would have no numbers of their own. */
const FINEST = 1e-6;

/** RangeError unless 0.000001 <= accuracy < 1. */
export function emptySketch(accuracy = 0.01): Sketch {
  if (!(accuracy >= FINEST && accuracy < 1)) {
    throw new RangeError(
      `a sketch's accuracy is ${accuracy}: choose one from 0.000001 to below 1, such as 0.01 for 1 %`,
    );
  }
  return { accuracy, zeros: 0, positive: [], negative: [] };
}

export function addToSketch(sketch: Sketch, value: number): Sketch {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) throw new RangeError(`a sketch takes finite numbers, not ${value}`);
  if (size < SMALLEST) return { ...sketch, zeros: sketch.zeros + 1 };
  const bucket = Math.ceil(Math.log(size) / logFactor(sketch.accuracy));
  if (value > 0) return { ...sketch, positive: withCount(sketch.positive, bucket, 1) };
  return { ...sketch, negative: withCount(sketch.negative, bucket, 1) };
}

/** RangeError for sketches of different accuracies. */
export function mergeSketches(a: Sketch, b: Sketch): Sketch {
  if (a.accuracy !== b.accuracy) throw new RangeError(`sketches of ${a.accuracy} and ${b.accuracy} do not merge`);
  return {
    accuracy: a.accuracy,
    zeros: a.zeros + b.zeros,
    positive: mergeCounts(a.positive, b.positive),
    negative: mergeCounts(a.negative, b.negative),
  };
}

/** The value below which the share `q` (0 to 1) of all values lies, by nearest rank; undefined of an empty sketch. */
export function quantileOf(sketch: Sketch, q: number): number | undefined {
  const { zeros, positive, negative, accuracy } = sketch;
  const below = countOf(negative);
  const count = below + zeros + countOf(positive);
  if (count === 0) return undefined;
  const rank = Math.min(count - 1, Math.max(0, Math.ceil(q * count) - 1));
  if (rank < below) return -middleOf(bucketAt(negative, below - 1 - rank), accuracy);
  if (rank < below + zeros) return 0;
  return middleOf(bucketAt(positive, rank - below - zeros), accuracy);
}

function logFactor(accuracy: number): number {
  return Math.log((1 + accuracy) / (1 - accuracy));
}

/** The value of a bucket that is equally far, in proportion, from both of its bounds. */
function middleOf(bucket: number, accuracy: number): number {
  const bound = Math.exp(bucket * logFactor(accuracy));
  if (Number.isFinite(bound)) return bound * (1 - accuracy);
  return finite(Math.exp(bucket * logFactor(accuracy) + Math.log1p(-accuracy)));
}

function withCount(counts: readonly number[], bucket: number, by: number): number[] {
  const next = [...counts];
  let place = 0;
  while (place < next.length && (next[place] ?? 0) < bucket) place += 2;
  if (next[place] === bucket) next[place + 1] = (next[place + 1] ?? 0) + by;
  else next.splice(place, 0, bucket, by);
  return next;
}

function mergeCounts(a: readonly number[], b: readonly number[]): number[] {
  let merged = [...a];
  for (let place = 0; place < b.length; place += 2) merged = withCount(merged, b[place] ?? 0, b[place + 1] ?? 0);
  return merged;
}

function countOf(counts: readonly number[]): number {
  let sum = 0;
  for (let place = 1; place < counts.length; place += 2) sum += counts[place] ?? 0;
  return sum;
}

function bucketAt(counts: readonly number[], rank: number): number {
  let left = rank;
  for (let place = 0; place < counts.length; place += 2) {
    left -= counts[place + 1] ?? 0;
    if (left < 0) return counts[place] ?? 0;
  }
  return counts.at(-2) ?? 0;
}
