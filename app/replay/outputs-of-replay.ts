import type { RecordInput } from "../../core/record.ts";
import type { TopicName } from "../../core/topics.ts";
import type { StagePartition } from "../../engine/stage-partition.ts";

/** What the engine has put out, by topic. Removals, which erase what was made before them, come last. */
export function takeReplayed(engine: StagePartition): readonly (readonly [TopicName, readonly RecordInput[]])[] {
  return [...engine.takeOutputs()].sort(([a], [b]) => Number(a === "device-events") - Number(b === "device-events"));
}
