import { untilAborted } from "../../core/aborted.ts";
import { errorText, MillraceError } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createAutoscaleLoop, type ScalableStage } from "../../runtime/autoscaler/autoscale-loop.ts";
import { stageSample, untilAppended } from "../../runtime/autoscaler/stage-sample.ts";
import { WorkerPool } from "../../runtime/autoscaler/worker-pool.ts";
import { createFaultBoard } from "../fault-board.ts";
import { FunctionsSeat, type FunctionsSeatOptions, type SeatThread } from "./functions-seat.ts";
import { healthOf, metricsOf, type FunctionsThreads, type StageThreadsOptions } from "./functions-threads.ts";
import { spawnFunctionsThread } from "./spawn-functions-thread.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventLog } from "../../core/event-log.ts";

export interface ScaledFunctionsThreadsOptions extends StageThreadsOptions {
  readonly scaling: Pick<EventLog, "status" | "openReader">;
  /** The receive clock. */
  readonly clock: Clock;
  /** Another one than of threads, for tests. */
  readonly spawn?: (
    ...place: Parameters<typeof spawnFunctionsThread>
  ) => ReturnType<FunctionsSeatOptions<SeatThread>["spawn"]>;
}

/** Of the time to stop, what the autoscaler may take at most. */
const LOOP_SHARE = 0.5;
/** Of what is left then, what the threads are given to do it by themselves. */
const ASKED_SHARE = 0.75;

/**
 * The threads of a stage of users' functions, as many as its load needs, up to `functionThreads`: none while they have nothing to do, and one in
 * reserve without partitions, so that the append that wakes them waits for a restore and not for a thread. Embedded log only: elsewhere the
 * consumer group deals the partitions out.
 */
export function createScaledFunctionsThreads(options: ScaledFunctionsThreadsOptions): FunctionsThreads {
  const { config, log, stage, clock, logger, spawn = spawnFunctionsThread } = options;
  const metrics = createMetrics();
  const stopping = new AbortController();
  const seats = new Set<FunctionsSeat<SeatThread>>();
  const faults = createFaultBoard();
  let seated = 0;
  const createSeat = (name: string) =>
    new FunctionsSeat({
      name,
      stage: stage.name,
      functionTimeoutMs: config.functionTimeoutMs,
      functionMemoryMib: config.functionMemoryMib,
      isOverMemory: options.isOverMemory,
      spawn: (start) => spawn({ config, log, stage, partitions: null, memberId: "", logger }, start),
      monotonic: { now: () => performance.now() },
      logger,
      metrics,
      onFault: faults.report,
    });
  const pool = new WorkerPool({
    partitions: config.partitions,
    async spawn() {
      if (stopping.signal.aborted)
        throw new MillraceError("THREAD_ENDED", "the threads of users' functions are stopped");
      const seat = createSeat(`${stage.name}.${seated++}`);
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
  const threads = () => [...seats].flatMap(({ thread }) => thread ?? []);

  return {
    api: {
      health: () => healthOf(stage.name, threads(), faults.health([])),
      metrics: async () => [...metrics.snapshot(), ...(await metricsOf(stage.name, threads()))],
    },
    start() {
      pool.warm();
      void loop.start();
    },
    async stop(deadlineMs) {
      stopping.abort();
      const endsAt = performance.now() + deadlineMs;
      // What is being scaled may wait for a thread that hangs: the threads are ended all the same.
      const half = AbortSignal.timeout(Math.ceil(deadlineMs * LOOP_SHARE));
      await untilAborted(loop.stop(half), half);
      const leftMs = Math.max(0, endsAt - performance.now()) * ASKED_SHARE;
      await Promise.all([...seats].map((seat) => seat.end(leftMs)));
    },
  };
}

function scalableStage(
  { config, scaling, stage, clock }: ScaledFunctionsThreadsOptions,
  pool: WorkerPool,
): ScalableStage {
  return {
    name: stage.name,
    bounds: { partitions: config.partitions, min: 0, max: config.functionThreads },
    get replicas() {
      return pool.replicas;
    },
    get ready() {
      return pool.ready;
    },
    async measure() {
      const [status, busySeconds] = await Promise.all([scaling.status(), pool.busySeconds()]);
      return stageSample(status, stage, busySeconds, clock.now());
    },
    scaleTo: (replicas) => pool.scaleTo(replicas),
    appended: (sample, waitMs, signal) => untilAppended(scaling, stage, sample, waitMs, signal),
  };
}
