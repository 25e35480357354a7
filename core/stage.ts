import type { StageFunction } from "./function.ts";
import type { TopicName } from "./topics.ts";

/** The functions of one consumer group, chained in memory: the unit of scaling, isolation and commit. It reads one topic. */
export interface StageDefinition {
  readonly name: string;
  readonly input: TopicName;
  readonly functions: readonly StageFunction[];
}

/** The journal of a stage. */
export function stageJournalName(stage: string): string {
  return `stage:${stage}`;
}
