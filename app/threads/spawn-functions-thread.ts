import { errorText } from "../../core/errors.ts";
import { threadBundle, type ThreadBundle } from "../thread-bundle/thread-bundle.ts";
import { readCallMarks } from "./call-marks.ts";
import { spawnThread, type SpawnedThread } from "./spawn-thread.ts";
import type { Logger } from "../../core/logger.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { ThreadStart } from "./supervised-thread.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

export interface FunctionsThreadPlace {
  readonly config: Config;
  readonly log: Pick<InstallationLog, "connect">;
  readonly stage: StageDefinition;
  /** Null: they are dealt to it while it works. */
  readonly partitions: readonly number[] | null;
  /** Its name in the consumer group: the same for a thread that follows another. */
  readonly memberId: string;
  readonly logger: Logger;
}

/** Claims and restores take what they take. */
const OWN_TIME = { start: Infinity, stop: Infinity, take: Infinity, release: Infinity };

/**
 * A thread of users' functions, and what it dies of once it has: null when it exits. One that a bundle does not bring as far as its first
 * line is the last of that bundle.
 */
export function spawnFunctionsThread(
  { config, log, stage, partitions, memberId, logger }: FunctionsThreadPlace,
  { marks, suspicions, resourceLimits }: ThreadStart,
  bundle: Pick<ThreadBundle, "entry" | "giveUp"> = threadBundle,
): { readonly thread: SpawnedThread<ProcessorsApi>; readonly ended: Promise<Error | null> } {
  const { access, transfer } = log.connect();
  const { promise: ended, resolve } = Promise.withResolvers<Error | null>();
  const data = { config, access, stage: stage.name, partitions, peers: [], marks, suspicions, memberId };
  const entry = bundle.entry(logger);
  const onEnd = (error: Error | null): void => {
    if (entry !== null && error !== null && readCallMarks(marks).beats === 0) bundle.giveUp(errorText(error), logger);
    resolve(error);
  };
  const module = entry?.href ?? "./functions.ts";
  const thread = spawnThread<ProcessorsApi>(module, data, transfer, onEnd, OWN_TIME, resourceLimits);
  return { thread, ended };
}
