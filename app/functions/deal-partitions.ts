import type { PartitionExtent } from "./history/reading-history.ts";

/** A thread costs about a tenth of a second of CPU until it works: so many records are worth it. */
const RECORDS_OF_THREAD = 20_000;

/**
 * Deals partitions out to threads, to each about as many records: the largest first, each to who has least. Those without a record go to nobody, and
 * nobody gets none. `threads`: null for as many as there are `cores`, fewer where there is little to do.
 */
export function dealPartitions(
  partitions: readonly PartitionExtent[],
  threads: number | null,
  cores: number,
): readonly (readonly PartitionExtent[])[] {
  const held = partitions.filter((one) => recordsOf(one) > 0).sort((a, b) => recordsOf(b) - recordsOf(a));
  const total = held.reduce((sum, one) => sum + recordsOf(one), 0);
  const wanted = threads ?? Math.min(cores, Math.floor(total / RECORDS_OF_THREAD));
  const shares = Array.from({ length: Math.max(1, Math.min(wanted, held.length)) }, () => ({
    records: 0,
    partitions: [] as PartitionExtent[],
  }));
  for (const one of held) {
    const least = shares.reduce((a, b) => (b.records < a.records ? b : a));
    least.partitions.push(one);
    least.records += recordsOf(one);
  }
  return shares.map((share) => share.partitions);
}

function recordsOf({ startOffset, endOffset }: PartitionExtent): number {
  return endOffset - startOffset;
}
