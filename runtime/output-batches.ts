import { partitionOf } from "../core/partitioner.ts";
import type { OutputBatch } from "../core/event-log.ts";
import type { RecordInput } from "../core/record.ts";
import type { UnitDraft } from "../engine/stage-partition.ts";

/**
 * Outputs keep their input's partition: they carry the same key, and all topics have the same number of partitions. What is sent to be joined
 * goes to that of the key that it is joined by; without one, to all.
 */
export function outputBatches(
  { outputs }: Pick<UnitDraft, "outputs">,
  partition: number,
  partitionCount: number,
): OutputBatch[] {
  return [...outputs].flatMap(([topic, records]): OutputBatch[] => {
    if (topic !== "repartition") return [{ topic, partition, records }];
    const places = new Map<number, RecordInput[]>();
    const put = (at: number, record: RecordInput): void => {
      const own = places.get(at);
      if (own === undefined) places.set(at, [record]);
      else own.push(record);
    };
    for (const record of records) {
      if (record.key !== null) put(partitionOf(record.key, partitionCount), record);
      else for (let at = 0; at < partitionCount; at += 1) put(at, record);
    }
    return Array.from(places, ([at, own]) => ({ topic, partition: at, records: own }));
  });
}
