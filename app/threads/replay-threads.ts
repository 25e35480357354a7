import { errorText, isMillraceError, MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { heapCeiling, untilHeapIsFull } from "./heap-watch.ts";
import { spawnThread, type SpawnedThread } from "./spawn-thread.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { ReplayStatus } from "../../core/replay.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { ReplayJob } from "../replay/replay-job.ts";
import type { ReplayThreadApi } from "./replay.ts";

/** How the acknowledging thread, which starts the thread of a replay, offers it to the services. */
export type ReplaysApi = {
  startReplay(job: ReplayJob): ReplayStatus;
  replayStatus(): ReplayStatus | null;
  cancelReplay(): Promise<ReplayStatus>;
};

export interface ReplayThreads {
  readonly api: ReplaysApi;
  stop(): Promise<void>;
}

export interface ReplayThreadsOptions {
  readonly config: Config;
  readonly log: InstallationLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Running {
  readonly thread: SpawnedThread<ReplayThreadApi>;
  readonly ended: Promise<void>;
}

const LOOK_EVERY_MS = 200;

/** Each replay runs in a thread of its own, apart from live functions, and one at a time. What it is told last stays to be asked for. */
export function createReplayThreads({ config, log, clock, logger }: ReplayThreadsOptions): ReplayThreads {
  let status: ReplayStatus | null = null;
  let running: Running | null = null;

  const end = (state: ReplayStatus["state"], error: string | null): void => {
    running = null;
    if (status !== null) status = { ...status, state, error, endedAt: clock.now() };
    logger.info({ ...status }, "a replay has ended");
  };

  async function run(thread: SpawnedThread<ReplayThreadApi>, over: Promise<Error | null>): Promise<void> {
    const finished = new AbortController();
    const watched = watch(thread, finished.signal);
    const full = untilHeapIsFull(thread.worker, LIMITS.replayMemoryMibMax, finished.signal);
    const died = over.then((error) => {
      throw error ?? new MillraceError("THREAD_ENDED", "the thread of the replay has ended");
    });
    // Only the first that ends is awaited.
    died.catch(() => undefined);
    try {
      const isWhole = await Promise.race([thread.call("run"), watched, full, died]);
      if (status !== null) status = { ...status, ...(await thread.call("counts")) };
      end(isWhole ? "done" : "cancelled", null);
    } catch (error) {
      end("failed", failureText(error));
    } finally {
      finished.abort();
      await thread.worker.terminate();
    }
  }

  /** Keeps the counts up to date. Rejects when the thread does not turn its event loop any more. */
  async function watch({ call }: SpawnedThread<ReplayThreadApi>, signal: AbortSignal): Promise<never> {
    for (;;) {
      const counts = await call("counts");
      if (signal.aborted) return await new Promise<never>(() => undefined);
      if (status !== null) status = { ...status, ...counts };
      await pause(LOOK_EVERY_MS, signal);
    }
  }

  return {
    api: {
      startReplay(job) {
        if (running !== null) throw oneAtATime(status);
        status = begun(job, config.partitions, clock.now());
        const { access, transfer } = log.connect();
        const { promise: over, resolve } = Promise.withResolvers<Error | null>();
        const deadlines = { run: Infinity, counts: LIMITS.replaySilenceMsMax };
        const memory = heapCeiling(LIMITS.replayMemoryMibMax);
        const thread = spawnThread<ReplayThreadApi>(
          "./replay.ts",
          { config, access, job },
          transfer,
          resolve,
          deadlines,
          memory,
        );
        running = { thread, ended: run(thread, over) };
        return status;
      },
      replayStatus: () => status,
      async cancelReplay() {
        if (running === null || status === null) {
          throw new MillraceError("NOT_FOUND", "no replay runs", {
            remedy: "See millrace replay --status for the last one.",
          });
        }
        const { thread, ended } = running;
        await thread.call("cancel");
        await ended;
        return status;
      },
    },
    async stop() {
      const current = running;
      await current?.thread.worker.terminate();
      await current?.ended;
    },
  };
}

function begun({ name, version, range, dryRun }: ReplayJob, partitions: number, startedAt: number): ReplayStatus {
  return {
    function: name,
    version,
    ...range,
    dryRun,
    state: "running",
    error: null,
    startedAt,
    endedAt: null,
    partitions,
    partitionsDone: 0,
    records: 0,
    results: 0,
    corrections: { changed: 0, added: 0, withdrawn: 0 },
    openWindows: 0,
    deadLetters: 0,
    hash: null,
  };
}

function oneAtATime(status: ReplayStatus | null): MillraceError {
  return new MillraceError("LIMIT_EXCEEDED", `a replay of ${status?.function ?? "a function"} runs already`, {
    remedy: "One runs at a time. See `millrace replay --status`, or end it with `millrace replay --cancel`.",
  });
}

function failureText(error: unknown): string {
  if (isMillraceError(error, "TIMED_OUT")) {
    return `a call of the function has not ended within ${LIMITS.replaySilenceMsMax / 1000} s`;
  }
  const remedy = isMillraceError(error) ? error.remedy : undefined;
  return remedy === undefined ? errorText(error) : `${errorText(error)}. ${remedy}`;
}
