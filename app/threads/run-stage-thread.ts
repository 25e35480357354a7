import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { addOutcomes, noOutcomes } from "../../core/ledger.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMetrics } from "../../core/metrics.ts";
import { ColdFile } from "../../runtime/cold-file.ts";
import { createFunctionMeter } from "../../runtime/function-meter.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { countsOf, worstKeys, type KeyCounts } from "../worst-keys.ts";
import { stopSignal } from "../deadline.ts";
import { coldDirectory } from "../data-directory.ts";
import { dealtPartitions } from "./dealt-partitions.ts";
import { threadsOfStage } from "../stages.ts";
import { openThreadLog } from "../thread-log.ts";
import { openTracing } from "../tracing/open-tracing.ts";
import { createLateLogger } from "../late-logger.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { serveThread } from "../thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { StageDefinition } from "../../core/stage.ts";
import type { StageRunnerOptions, StageTotals } from "../../runtime/stage-runner.ts";
import type { LogAccess } from "../thread-log.ts";
import type { Config } from "../config.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

export interface StageThreadData {
  readonly config: Config;
  readonly access: LogAccess;
  /** Null: whoever started the thread deals them out while it works. */
  readonly partitions: readonly number[] | null;
  readonly control: MessagePort;
  readonly peers: readonly MessagePort[];
  /** What its heap may hold, MiB; not given: what V8 gives it. */
  readonly heapMib?: number;
}

/** What else a stage runs with, made of what its thread has. */
export type StageExtras = (
  parts: Pick<StageRunnerOptions, "logger" | "metrics" | "monotonic">,
) => Pick<StageRunnerOptions, "load" | "marker" | "memberId" | "onEnd" | "pause" | "suspicions">;

/** Runs a stage on this thread's share of the partitions. `name` is the thread's in the log lines. */
export async function runStageThread(
  name: string,
  { config, access, partitions, control, peers, heapMib }: StageThreadData,
  stage: StageDefinition,
  extras: StageExtras = () => ({}),
): Promise<void> {
  const logger = createLateLogger(config.logLevel, name);
  const metrics = createMetrics();
  const worker = randomUUID();
  const work = () => ({ worker, busySeconds: busySeconds(), threads: threadsOfStage(config, stage.name) });
  const clock = createSystemReceiveClock();
  const log = await openThreadLog(access, config, { clock, logger, metrics, work });
  const tracing = await openTracing(config.tracing, name, { clock, logger, metrics });
  const monotonic = { now: () => performance.now() };
  const { generation } = log;
  const dealt = dealtPartitions();
  const groups = partitions === null ? dealt.groups : log.groups(partitions);
  const own = extras({ logger, metrics, monotonic });
  const meter = createFunctionMeter({ stage: stage.name, cpu: { now: threadCpuMs }, monotonic, metrics });
  const cold = new ColdFile({
    stage: stage.name,
    directory: coldDirectory(config.data),
    bytesMax: stateBytesMax(config, heapMib),
    monotonic,
    logger,
    metrics,
  });
  const { tracer } = tracing;
  const parts = { log, stage, groups, generation, monotonic, clock, logger, metrics, meter, cold, tracer };
  const snapshotAfterUnits = LIMITS[config.footprint === "small" ? "smallSnapshotAfterUnits" : "snapshotAfterUnits"];
  const runner = createStageRunner({ ...parts, ...own, snapshotAfterUnits });
  const api: ProcessorsApi = {
    prepare: () => undefined,
    start: () => runner.start(),
    health: () => ({ reasons: runner.notReadyReasons(), faults: [], events: [] }),
    metrics() {
      meter.stateBytes(runner.stateBytes());
      return metrics.snapshot();
    },
    totals: () => runner.totals(),
    sums() {
      const { totals, ...rest } = runner.totals();
      const sum = noOutcomes();
      for (const outcomes of totals.values()) addOutcomes(sum, outcomes);
      return { ...rest, totals: new Map([["", sum]]) };
    },
    worst: (prefix, count) => reduced(runner.totals(), (totals) => worstKeys(totals, prefix, count)),
    totalsOf: (keys) => reduced(runner.totals(), (totals) => countsOf(totals, keys)),
    take: (coming) => dealt.take(coming),
    release: (leaving) => dealt.release(leaving),
    busySeconds,
    async stop(deadlineMs) {
      await runner.stop(stopSignal(deadlineMs));
      await tracing.stop(stopSignal(deadlineMs));
      await log.close(stopSignal(deadlineMs));
    },
  };
  for (const port of [control, ...peers]) serveThread(port, api, logger);
}

function reduced({ totals, ...rest }: StageTotals, reduce: (totals: KeyCounts) => KeyCounts): StageTotals {
  return { ...rest, totals: reduce(totals) };
}

const MIB = 1024 ** 2;

/** By default half of what the thread may have: the rest is what the work itself takes. */
function stateBytesMax({ stateMemoryMib }: Config, heapMib: number | undefined): number {
  if (stateMemoryMib !== undefined) return stateMemoryMib * MIB;
  return (heapMib === undefined ? getHeapStatistics().heap_size_limit : heapMib * MIB) / 2;
}

function busySeconds(): number {
  return performance.eventLoopUtilization().active / 1000;
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
