import { randomUUID } from "node:crypto";
import { errorText } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createFaultBoard } from "../fault-board.ts";
import { superviseThread, type RunningThread, type ThreadStart } from "./supervised-thread.ts";
import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { within } from "../deadline.ts";
import { spawnFunctionsThread } from "./spawn-functions-thread.ts";
import type { SpawnedThread } from "./spawn-thread.ts";
import type { Logger } from "../../core/logger.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { MetricSample } from "../../core/metrics.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";
import type { PartHealth } from "../part-health.ts";
import type { FunctionsApi, ProcessorsApi } from "./thread-apis.ts";

export interface StageThreadsOptions {
  readonly config: Config;
  readonly log: Pick<InstallationLog, "connect">;
  readonly stage: StageDefinition;
  readonly logger: Logger;
  /** Of a process of its own: whether all of it has more memory than it may have. */
  readonly isOverMemory?: () => boolean;
}

export interface FunctionsThreadsOptions extends StageThreadsOptions {
  /** One list of partitions for each thread; none in a process that runs no functions. */
  readonly shares: readonly (readonly number[])[];
}

export interface FunctionsThreads {
  /** For who asks how they stand: they come and go. */
  readonly api: FunctionsApi;
  start(): void;
  stop(deadlineMs: number): Promise<void>;
}

const ANSWER_MS = 2000;
/** Of the time to stop, what the threads are given to do it by themselves. */
const ASKED_SHARE = 0.75;

/** The threads of a stage of users' functions: apart from all others, which go on when they do not. They are started again when one ends by itself. */
export function createFunctionsThreads(options: FunctionsThreadsOptions): FunctionsThreads {
  const { config, log, stage, shares, logger } = options;
  const running = new Map<number, SpawnedThread<ProcessorsApi>>();
  const memberIds = shares.map(() => randomUUID());
  const metrics = createMetrics();
  const faults = createFaultBoard();

  const supervised = shares.map((partitions, index) => {
    return superviseThread({
      name: `${stage.name}.${index}`,
      stage: stage.name,
      functionTimeoutMs: config.functionTimeoutMs,
      functionMemoryMib: config.functionMemoryMib,
      isOverMemory: options.isOverMemory,
      spawn: (start) => spawn(index, partitions, start),
      monotonic: { now: () => performance.now() },
      logger,
      metrics,
      onFault: faults.report,
    });
  });

  const spawn = (index: number, partitions: readonly number[], start: ThreadStart): RunningThread => {
    const { thread, ended } = spawnFunctionsThread(
      { config, log, stage, partitions, memberId: memberIds[index] ?? "", logger },
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
      health: () => healthOf(stage.name, [...running.values()], faults.health([])),
      metrics: async () => [...metrics.snapshot(), ...(await metricsOf(stage.name, [...running.values()]))],
    },
    start() {
      for (const thread of supervised) void thread.start();
    },
    async stop(deadlineMs) {
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
    },
  };
}

/** That users' functions stand still is a fault; telemetry is acknowledged and stored without them. */
export async function healthOf(
  stage: string,
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
  const found = reasons.flat().map((text, index) => ({ id: `${stage}.stage.${index}`, text }));
  return { ...own, faults: [...own.faults, ...found] };
}

export async function metricsOf(
  stage: string,
  threads: readonly Pick<SpawnedThread<ProcessorsApi>, "call">[],
): Promise<readonly MetricSample[]> {
  return (await Promise.all(threads.map((thread, index) => metricsOfThread(`${stage}.${index}`, thread)))).flat();
}

async function metricsOfThread(
  part: string,
  { call }: Pick<SpawnedThread<ProcessorsApi>, "call">,
): Promise<readonly MetricSample[]> {
  const own = createMetrics();
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
