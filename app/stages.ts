import { begunStages } from "../core/functions-stage.ts";
import { mainStage } from "../processors/main-stage.ts";
import type { LogStatus } from "../core/event-log.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { Config } from "./config.ts";

/** Stages that every installation has. */
const BUILT_IN_STAGES: readonly StageDefinition[] = [mainStage];

/** The stages of the installation as of now, in the order of the pipeline: those of users' functions are there once they have begun. */
export function stagesOf(status: Pick<LogStatus, "journals">): readonly StageDefinition[] {
  return [...BUILT_IN_STAGES, ...begunStages(status)];
}

/** Threads in which a process works the stage: no more than there are partitions. */
export function threadsOfStage(config: Config, stage: string): number {
  const { partitions, processorThreads, functionThreads } = config;
  return Math.min(partitions, stage === mainStage.name ? processorThreads : functionThreads);
}
