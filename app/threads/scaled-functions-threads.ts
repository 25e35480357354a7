import { errorText } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { FUNCTIONS_STAGE } from "../../core/stage.ts";
import { createAutoscaleLoop, type ScalableStage } from "../../runtime/autoscaler/autoscale-loop.ts";
import { stageSample, untilAppended } from "../../runtime/autoscaler/stage-sample.ts";
import { WorkerPool } from "../../runtime/autoscaler/worker-pool.ts";
import { createFaultBoard } from "../fault-board.ts";
import { stopSignal } from "../deadline.ts";
import { FunctionsSeat } from "./functions-seat.ts";
import { healthOf, metricsOf, untilFunctionsStage, type FunctionsThreads } from "./functions-threads.ts";
import { spawnFunctionsThread } from "./spawn-functions-thread.ts";
import type { SpawnedThread } from "./spawn-thread.ts";
import type { ProcessorsApi } from "./thread-apis.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Config } from "../config.ts";
import type { InstallationLog } from "../installation-log.ts";

export interface ScaledFunctionsThreadsOptions {
  readonly config: Config;
  readonly log: InstallationLog;
  /** The receive clock. */
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The threads of users' functions, as many as their load needs, up to `functionThreads`: none while they have nothing to do, and one in
 * reserve without partitions, so that the append that wakes them waits for a restore and not for a thread. Embedded log only: elsewhere the
 * consumer group deals the partitions out.
 */
export function createScaledFunctionsThreads(options: ScaledFunctionsThreadsOptions): FunctionsThreads {
  const { config, log, clock, logger } = options;
  const metrics = createMetrics();
  const stopping = new AbortController();
  const seats = new Set<FunctionsSeat<SpawnedThread<ProcessorsApi>>>();
  const faults = createFaultBoard();
  let seated = 0;
  const pool = new WorkerPool({
    partitions: config.partitions,
    async spawn() {
      const name = `functions.${seated++}`;
      const seat = new FunctionsSeat({
        name,
        functionTimeoutMs: config.functionTimeoutMs,
        functionMemoryMib: config.functionMemoryMib,
        spawn: (start) => spawnFunctionsThread({ config, log, partitions: null, memberId: "" }, start),
        monotonic: { now: () => performance.now() },
        logger,
        metrics,
        onFault: faults.report,
      });
      seats.add(seat);
      await seat.start();
      const end = async (): Promise<void> => {
        await seat.end();
        seats.delete(seat);
      };
      return {
        take: (partitions) => seat.take(partitions),
        release: (partitions) => seat.release(partitions),
        busySeconds: () => seat.busySeconds(),
        end,
      };
    },
    onSpareFailure: (error) =>
      logger.warn({ cause: errorText(error) }, "no thread of users' functions can be held in reserve"),
  });
  const loop = createAutoscaleLoop({ stage: scalableStage(options, pool), clock, logger, metrics, isDryRun: false });
  let begun: Promise<boolean> = Promise.resolve(false);
  const threads = () => [...seats].flatMap(({ thread }) => thread ?? []);

  return {
    api: {
      health: () => healthOf(threads(), faults.health([])),
      metrics: async () => [...metrics.snapshot(), ...(await Promise.all(threads().map(metricsOf))).flat()],
    },
    start() {
      begun = untilFunctionsStage(config, log, stopping.signal).then(async (hasBegun) => {
        if (!hasBegun) return false;
        pool.warm();
        await loop.start();
        return true;
      });
    },
    async stop(deadlineMs) {
      stopping.abort();
      if (!(await begun)) return;
      await loop.stop(stopSignal(deadlineMs));
      await Promise.all([...seats].map((seat) => seat.end(deadlineMs)));
    },
  };
}

function scalableStage({ config, log, clock }: ScaledFunctionsThreadsOptions, pool: WorkerPool): ScalableStage {
  return {
    name: FUNCTIONS_STAGE.name,
    bounds: { partitions: config.partitions, min: 0, max: config.functionThreads },
    get replicas() {
      return pool.replicas;
    },
    get ready() {
      return pool.ready;
    },
    async measure() {
      const [status, busySeconds] = await Promise.all([log.log.status(), pool.busySeconds()]);
      return stageSample(status, FUNCTIONS_STAGE, busySeconds, clock.now());
    },
    scaleTo: (replicas) => pool.scaleTo(replicas),
    appended: (sample, waitMs, signal) => untilAppended(log.log, FUNCTIONS_STAGE, sample, waitMs, signal),
  };
}
