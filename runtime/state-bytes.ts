import type { StagePartition } from "../engine/stage-partition.ts";

/** What has a state, by partition. */
type Owned = ReadonlyMap<number, { readonly state: Pick<StagePartition, "bytesByFunction"> }>;

/** How many bytes functions keep. Counting looks at every key, so each question counts one partition anew, in turn. */
export class StateBytes {
  private readonly byPartition = new Map<number, ReadonlyMap<string, number>>();
  private turn = 0;

  look(owned: Owned): ReadonlyMap<string, number> {
    for (const partition of this.byPartition.keys()) if (!owned.has(partition)) this.byPartition.delete(partition);
    const partitions = [...owned.keys()];
    const uncounted = partitions.find((partition) => !this.byPartition.has(partition));
    const next = uncounted ?? partitions[this.turn++ % Math.max(1, partitions.length)];
    const owner = next === undefined ? undefined : owned.get(next);
    if (next !== undefined && owner !== undefined) this.byPartition.set(next, owner.state.bytesByFunction());
    const sum = new Map<string, number>();
    for (const bytes of this.byPartition.values()) {
      for (const [name, count] of bytes) sum.set(name, (sum.get(name) ?? 0) + count);
    }
    return sum;
  }
}
