import { randomUUID } from "node:crypto";
import { errorText } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createFaultBoard } from "../fault-board.ts";
import { superviseThread, type RunningThread, type ThreadStart } from "./supervised-thread.ts";
import { pause } from "../../core/pause.ts";
import { hasFunctionsStage } from "../../runtime/functions-stage-start.ts";
import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { within } from "../deadline.ts";
import { spawnFunctionsThread } from "./spawn-functions-thread.ts";
import type { SpawnedThread } from "./spawn-thread.ts";
import type { Logger } from "../../core/logger.ts";
import type { MetricSample } from "../../core/metrics.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { PartHealth } from "../part-health.ts";
import type { FunctionsApi, ProcessorsApi } from "./thread-apis.ts";

export interface FunctionsThreadsOptions {
  readonly config: Config;
  readonly log: InstallationLog;
  /** One list of partitions for each thread; none in a process that runs no functions. */
  readonly shares: readonly (readonly number[])[];
  readonly logger: Logger;
}

export interface FunctionsThreads {
  /** For who asks how they stand: they come and go. */
  readonly api: FunctionsApi;
  start(): void;
  stop(deadlineMs: number): Promise<void>;
}

/** Whether a first function was deployed: on Kafka that may have been in another process. */
const LOOK_EVERY_MS = 500;
const LOOK_EVERY_MS_KAFKA = 3000;
const ANSWER_MS = 2000;
/** Of the time to stop, what the threads are given to do it by themselves. */
const ASKED_SHARE = 0.75;

/**
 * The threads of users' functions: apart from the main stage, which goes on when they do not. They are started when the first function was
 * deployed, and again when one ends by itself.
 */
export function createFunctionsThreads({ config, log, shares, logger }: FunctionsThreadsOptions): FunctionsThreads {
  const stopping = new AbortController();
  const running = new Map<number, SpawnedThread<ProcessorsApi>>();
  const memberIds = shares.map(() => randomUUID());
  const metrics = createMetrics();
  const faults = createFaultBoard();
  let looking: Promise<void> = Promise.resolve();

  const supervised = shares.map((partitions, index) => {
    return superviseThread({
      name: `functions.${index}`,
      functionTimeoutMs: config.functionTimeoutMs,
      functionMemoryMib: config.functionMemoryMib,
      spawn: (start) => spawn(index, partitions, start),
      monotonic: { now: () => performance.now() },
      logger,
      metrics,
      onFault: faults.report,
    });
  });

  const spawn = (index: number, partitions: readonly number[], start: ThreadStart): RunningThread => {
    const { thread, ended } = spawnFunctionsThread(
      { config, log, partitions, memberId: memberIds[index] ?? "" },
      start,
    );
    running.set(index, thread);
    return {
      worker: thread.worker,
      onEnd(listener) {
        void ended.then((error) => {
          running.delete(index);
          listener(error);
        });
      },
      start: () => thread.call("start"),
    };
  };

  return {
    api: {
      health: () => healthOf([...running.values()], faults.health([])),
      metrics: async () => [...metrics.snapshot(), ...(await Promise.all([...running.values()].map(metricsOf))).flat()],
    },
    start() {
      if (shares.length === 0) return;
      looking = untilFunctionsStage(config, log, stopping.signal).then(async (hasBegun) => {
        if (hasBegun) await Promise.all(supervised.map((thread) => thread.start()));
      });
    },
    async stop(deadlineMs) {
      stopping.abort();
      for (const thread of supervised) thread.release();
      // One that hangs is ended within the deadline, so that nobody waits for it.
      const waitMs = deadlineMs * ASKED_SHARE;
      const late = () => new MillraceError("TIMED_OUT", `not within ${waitMs} ms`);
      await Promise.all(
        [...running.values()].map(async ({ call }) => {
          await within(call("stop", waitMs), waitMs, late).catch((error: unknown) =>
            logger.warn({ thread: "functions", cause: errorText(error) }, "a thread did not stop in order"),
          );
        }),
      );
      await Promise.all(supervised.map((thread) => thread.terminate()));
      await looking;
    },
  };
}

/** Resolves with true when a first function was deployed, with false when `signal` aborts before. */
export async function untilFunctionsStage(config: Config, log: InstallationLog, signal: AbortSignal): Promise<boolean> {
  const everyMs = config.kafkaBrokers === undefined ? LOOK_EVERY_MS : LOOK_EVERY_MS_KAFKA;
  while (!signal.aborted) {
    if (await hasBegun(log, config.partitions)) return true;
    await pause(everyMs, signal);
  }
  return false;
}

async function hasBegun({ log }: InstallationLog, partitionCount: number): Promise<boolean> {
  try {
    return hasFunctionsStage(await log.status(), partitionCount);
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    // The log says by itself when it does not answer.
    return false;
  }
}

/** That users' functions stand still is a fault; telemetry is acknowledged and stored without them. */
export async function healthOf(
  threads: readonly Pick<SpawnedThread<ProcessorsApi>, "call">[],
  own: PartHealth,
): Promise<PartHealth> {
  const late = () => new MillraceError("TIMED_OUT", "a thread of users' functions does not answer");
  const reasons = await Promise.all(
    threads.map(({ call }) =>
      within(call("health"), ANSWER_MS, late).then(
        (health) => health.reasons,
        (error: unknown) => [errorText(error)],
      ),
    ),
  );
  const stages = reasons.flat().map((text, index) => ({ id: `stage.${index}`, text }));
  return { ...own, faults: [...own.faults, ...stages] };
}

export async function metricsOf(
  { call }: Pick<SpawnedThread<ProcessorsApi>, "call">,
  index: number,
): Promise<readonly MetricSample[]> {
  const own = createMetrics();
  const part = `functions.${index}`;
  const answers = own.gauge("millrace_part_answers", "1 for a part that has answered in time, else 0.", { part });
  const late = () => new MillraceError("TIMED_OUT", `${part} has not answered`);
  try {
    const samples = await within(call("metrics"), ANSWER_MS, late);
    answers.set(1);
    return [...own.snapshot(), ...samples];
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return own.snapshot();
  }
}
