import { isDeepStrictEqual } from "node:util";
import { begunStages, hasBegun } from "../../core/functions-stage.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { DEFAULT_STAGE_SETTINGS } from "../../core/stage-settings.ts";
import { pause } from "../../core/pause.ts";
import type { StageSettings } from "../../core/stage-settings.ts";
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
  /** By their names; what is not named is as usual. */
  readonly settings: () => Promise<ReadonlyMap<string, StageSettings>>;
  /** The threads of a stage, not started. */
  readonly create: (stage: StageDefinition, settings: StageSettings) => FunctionsThreads;
  readonly logger: Logger;
}

/** For the threads of a stage that has ended. */
const END_MS = 10_000;

interface RunningStage {
  readonly threads: FunctionsThreads;
  readonly settings: StageSettings;
}

interface WantedStage {
  readonly stage: StageDefinition;
  readonly settings: StageSettings;
}

/** The stages of users' functions in this process: each has its threads from when it has begun until it has ended, and no stage waits for another. */
export function createStagesThreads(options: StagesThreadsOptions): FunctionsThreads {
  const { lookMs, create, logger } = options;
  const stopping = new AbortController();
  const running = new Map<string, RunningStage>();
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

  const settle = (wanted: readonly WantedStage[]): void => {
    for (const [name, { threads, settings }] of running) {
      const isWanted = wanted.some((one) => one.stage.name === name && isDeepStrictEqual(one.settings, settings));
      if (!isWanted) end(name, threads);
    }
    for (const { stage, settings } of wanted) {
      if (running.has(stage.name) || ending.has(stage.name)) continue;
      const threads = create(stage, settings);
      running.set(stage.name, { threads, settings });
      threads.start();
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const wanted = await stagesWanted(options);
      if (stopping.signal.aborted) return;
      if (wanted !== null) settle(wanted);
      await pause(lookMs, stopping.signal);
    }
  };

  const all = <T>(ask: (threads: FunctionsThreads) => Promise<T>): Promise<T[]> =>
    Promise.all([...running.values()].map(({ threads }) => ask(threads)));

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

/** Null when the log or the registry does not answer: they say so by themselves. */
async function stagesWanted(options: StagesThreadsOptions): Promise<readonly WantedStage[] | null> {
  const { log, partitionCount, settings } = options;
  try {
    const status = await log.status();
    const begun = begunStages(status).filter(({ name }) => hasBegun(status, name, partitionCount));
    if (begun.length === 0) return [];
    const named = await settings();
    return begun.map((stage) => ({ stage, settings: named.get(stage.name) ?? DEFAULT_STAGE_SETTINGS }));
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
