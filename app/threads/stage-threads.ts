import { createFunctionsThreads, type FunctionsThreads, type StageThreadsOptions } from "./functions-threads.ts";
import { createScaledFunctionsThreads } from "./scaled-functions-threads.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { InstallationLog } from "../installation-log.ts";

/** What the threads of a stage need of the log. */
export interface ThreadsLog extends Pick<InstallationLog, "connect"> {
  /** What scaling goes by; null where a consumer group deals the partitions out. */
  readonly scaling: Pick<EventLog, "status" | "openReader"> | null;
}

/** The threads of a stage of users' functions: as many as its load needs where that is asked for, or as are configured. */
export function createStageThreads(
  options: Omit<StageThreadsOptions, "log"> & { readonly log: ThreadsLog; readonly clock: Clock },
): FunctionsThreads {
  const { config, log } = options;
  if (log.scaling !== null && config.autoscale === "on")
    return createScaledFunctionsThreads({ ...options, scaling: log.scaling });
  return createFunctionsThreads({ ...options, shares: shares(config.partitions, config.functionThreads) });
}

/** Partitions dealt out in turn: 0, n, 2n … to the first thread. */
export function shares(partitionCount: number, threads: number): number[][] {
  const all = Array.from({ length: partitionCount }, (_, partition) => partition);
  return Array.from({ length: Math.min(threads, partitionCount) }, (_, thread) =>
    all.filter((partition) => partition % threads === thread),
  );
}
