import { errorText } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { pause } from "../../core/pause.ts";
import { hasFunctionsStage } from "../../runtime/functions-stage-start.ts";
import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { within } from "../deadline.ts";
import { spawnThread, type SpawnedThread } from "./spawn-thread.ts";
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

const OWN_TIME = { start: Infinity, stop: Infinity };
/** Whether a first function was deployed: on Kafka that may have been in another process. */
const LOOK_EVERY_MS = 500;
const LOOK_EVERY_MS_KAFKA = 3000;
const RESTART_PAUSE_MS = 2000;
const ANSWER_MS = 2000;

/**
 * The threads of users' functions: apart from the main stage, which goes on when they do not. They are started when the first function was
 * deployed, and again when one ends by itself.
 */
export function createFunctionsThreads({ config, log, shares, logger }: FunctionsThreadsOptions): FunctionsThreads {
  const stopping = new AbortController();
  const running = new Map<number, SpawnedThread<ProcessorsApi>>();
  const ended = new Map<number, string>();
  let looking: Promise<void> = Promise.resolve();

  const keepRunning = async (index: number, partitions: readonly number[]): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { access, transfer } = log.connect();
      const { promise, resolve } = Promise.withResolvers<Error | null>();
      const data = { config, access, partitions, peers: [] };
      const thread = spawnThread<ProcessorsApi>("./functions.ts", data, transfer, resolve, OWN_TIME);
      running.set(index, thread);
      const started = thread.call("start").then(() => ended.delete(index));
      const error = await Promise.race([started.then(() => promise), promise]).catch((cause: unknown) => cause);
      running.delete(index);
      await thread.worker.terminate();
      if (stopping.signal.aborted) return;
      ended.set(index, errorText(error ?? "it exited"));
      logger.error({ thread: "functions", err: error }, "a thread of users' functions ended; it starts again");
      await pause(RESTART_PAUSE_MS, stopping.signal);
    }
  };

  return {
    api: {
      health: () => healthOf([...running.values()], [...ended.values()]),
      metrics: async () => (await Promise.all([...running.values()].map(metricsOf))).flat(),
    },
    start() {
      if (shares.length === 0) return;
      looking = untilFunctionsStage(config, log, stopping.signal).then(async () => {
        await Promise.all(shares.map((partitions, index) => keepRunning(index, partitions)));
      });
    },
    async stop(deadlineMs) {
      stopping.abort();
      const late = () => new MillraceError("TIMED_OUT", `not within ${deadlineMs} ms`);
      await Promise.all(
        [...running.values()].map(async ({ call, worker }) => {
          await within(call("stop", deadlineMs), deadlineMs, late).catch((error: unknown) =>
            logger.warn({ thread: "functions", cause: errorText(error) }, "a thread did not stop in order"),
          );
          await worker.terminate();
        }),
      );
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
  threads: readonly SpawnedThread<ProcessorsApi>[],
  ended: readonly string[],
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
  const texts = [...reasons.flat(), ...ended.map((text) => `a thread of users' functions ended: ${text}`)];
  return { reasons: [], faults: texts.map((text, index) => ({ id: `stage.${index}`, text })), events: [] };
}

export async function metricsOf(
  { call }: SpawnedThread<ProcessorsApi>,
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
