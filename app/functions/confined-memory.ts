import type { ResourceLimits } from "node:worker_threads";

/**
 * What lives through a collection of the young generation moves to the old one at once. Node gives a thread that has reached its ceiling 16 MiB more to
 * come to its end in; what moves must fit into that, or V8 ends the process.
 */
const YOUNG_MEGABYTES = 6;

/** Of a thread for code that may take all memory that it gets: it is to end alone, with ERR_WORKER_OUT_OF_MEMORY. */
export function confinedTo(megabytes: number): ResourceLimits {
  return { maxOldGenerationSizeMb: megabytes, maxYoungGenerationSizeMb: YOUNG_MEGABYTES };
}
