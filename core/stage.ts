import type { StageFunction } from "./function.ts";
import type { OutputTopic, TopicName } from "./topics.ts";

/** The functions of one consumer group, chained in memory: the unit of scaling, isolation and commit. It reads one topic. */
export interface StageDefinition {
  readonly name: string;
  readonly input: TopicName;
  readonly functions: readonly StageFunction[];
  /**
   * Of a stage that reads what stages write: the one whose records it runs. The others pass by, so that no stage feeds itself. Records of this
   * one that come again are dropped.
   */
  readonly source?: string;
  /** Where a flush goes on to, behind all that it has brought about here: for the stage that reads what this one writes. */
  readonly flushes?: OutputTopic;
}

/** The stage whose counts the ledger is made of: what devices send becomes readings there. */
export const MAIN_STAGE = "main";

/** Runs users' functions on what the main stage makes of messages. Which ones, its control records say. */
export const FUNCTIONS_STAGE: StageDefinition = {
  name: "functions",
  input: "readings",
  functions: [],
  source: MAIN_STAGE,
  flushes: "repartition",
};

/** Where what users' functions join meets: readings that the functions stage has sent to the partition of their key. */
export const JOINS_STAGE: StageDefinition = {
  name: "joins",
  input: "repartition",
  functions: [],
  source: FUNCTIONS_STAGE.name,
};

/**
 * Stands in the source position of what a replay has corrected of users' functions, with the offset of the reading that it was made of. Its
 * generation is the number of the replay.
 */
export const REPLAY_STAGE = "replay";

/** The same of what the main stage has made, with the offset of the message. Tables hold no topics: so it has a name of its own. */
export const MAIN_REPLAY_STAGE = "replay-main";

/** What the stages read that are always there, and their replays. */
const INPUTS: Readonly<Record<string, TopicName>> = {
  [MAIN_STAGE]: "telemetry",
  [MAIN_REPLAY_STAGE]: "telemetry",
  [JOINS_STAGE.name]: JOINS_STAGE.input,
};

/** What a stage reads, by its name alone: all that are not always there run users' functions. */
export function stageInput(name: string): TopicName {
  return INPUTS[name] ?? FUNCTIONS_STAGE.input;
}

/** The stage under which a replay writes what it corrects of another one. */
export function replayStageOf(stage: string): string {
  return stage === MAIN_STAGE ? MAIN_REPLAY_STAGE : REPLAY_STAGE;
}

/** The journal of a stage. */
export function stageJournalName(stage: string): string {
  return `stage:${stage}`;
}
