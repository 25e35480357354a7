import { begunStages, hasBegun } from "../../core/functions-stage.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { pause } from "../../core/pause.ts";
import type { LogInspector } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { PartHealth } from "../part-health.ts";
import type { FunctionsThreads } from "./functions-threads.ts";

export interface StagesThreadsOptions {
  readonly log: LogInspector;
  readonly partitionCount: number;
  /** Between two looks: on Kafka a stage may have begun, or ended, in another process. */
  readonly lookMs: number;
  /** The threads of a stage, not started. */
  readonly create: (stage: StageDefinition) => FunctionsThreads;
  readonly logger: Logger;
}

/** For the threads of a stage that has ended. */
const END_MS = 10_000;

/** The stages of users' functions in this process: each has its threads from when it has begun until it has ended, and no stage waits for another. */
export function createStagesThreads(options: StagesThreadsOptions): FunctionsThreads {
  const { log, partitionCount, lookMs, create, logger } = options;
  const stopping = new AbortController();
  const running = new Map<string, FunctionsThreads>();
  /** Threads of ended stages that are not gone yet. */
  const ending = new Map<string, Promise<void>>();
  let looking: Promise<void> = Promise.resolve();

  const end = (name: string, threads: FunctionsThreads): void => {
    running.delete(name);
    const ended = threads
      .stop(END_MS)
      .catch((error: unknown) => logger.warn({ stage: name, cause: errorText(error) }, "threads did not stop in order"))
      .finally(() => ending.delete(name));
    ending.set(name, ended);
  };

  const settle = (begun: readonly StageDefinition[]): void => {
    for (const [name, threads] of running) if (!begun.some((stage) => stage.name === name)) end(name, threads);
    for (const stage of begun) {
      if (running.has(stage.name) || ending.has(stage.name)) continue;
      const threads = create(stage);
      running.set(stage.name, threads);
      threads.start();
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const begun = await stagesBegun(log, partitionCount);
      if (stopping.signal.aborted) return;
      if (begun !== null) settle(begun);
      await pause(lookMs, stopping.signal);
    }
  };

  const all = <T>(ask: (threads: FunctionsThreads) => Promise<T>): Promise<T[]> =>
    Promise.all([...running.values()].map(ask));

  return {
    api: {
      health: async () => sum(await all(({ api }) => api.health())),
      metrics: async () => (await all(({ api }) => api.metrics())).flat(),
    },
    start() {
      looking = loop();
    },
    async stop(deadlineMs) {
      stopping.abort();
      await Promise.all([...ending.values(), all((threads) => threads.stop(deadlineMs))]);
      await looking;
    },
  };
}

/** Null when the log does not answer: it says so by itself. */
async function stagesBegun(log: LogInspector, partitionCount: number): Promise<readonly StageDefinition[] | null> {
  try {
    const status = await log.status();
    return begunStages(status).filter(({ name }) => hasBegun(status, name, partitionCount));
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return null;
  }
}

function sum(parts: readonly PartHealth[]): PartHealth {
  return {
    reasons: parts.flatMap(({ reasons }) => reasons),
    faults: parts.flatMap(({ faults }) => faults),
    // Threads of functions tell of faults only.
    events: [],
  };
}
