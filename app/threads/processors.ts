import { performance } from "node:perf_hooks";
import { workerData } from "node:worker_threads";
import { addOutcomes, noOutcomes } from "../../core/ledger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { stopSignal } from "../deadline.ts";
import { openThreadLog } from "../installation-log.ts";
import { createLogger } from "../logging.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { serveThread } from "../thread-rpc.ts";
import { giveWay } from "./give-way.ts";
import type { MessagePort } from "node:worker_threads";
import type { LogAccess } from "../installation-log.ts";
import type { Config } from "../config.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

export interface ProcessorsThreadData {
  readonly config: Config;
  readonly access: LogAccess;
  readonly partitions: readonly number[];
  readonly control: MessagePort;
  readonly peers: readonly MessagePort[];
}

/** A thread that runs the main stage on its share of the partitions. */
async function runProcessors({ config, access, partitions, control, peers }: ProcessorsThreadData): Promise<void> {
  const logger = createLogger(config.logLevel, "processors");
  const metrics = createMetrics();
  const log = await openThreadLog(access, config, { clock: createSystemReceiveClock(), logger, metrics });
  const monotonic = { now: () => performance.now() };
  const { generation } = log;
  const runner = createStageRunner({
    log,
    stage: mainStage,
    groups: log.groups(partitions),
    generation,
    monotonic,
    logger,
    metrics,
  });
  const api: ProcessorsApi = {
    start: () => runner.start(),
    health: () => ({ reasons: runner.notReadyReasons(), faults: [], events: [] }),
    metrics: () => metrics.snapshot(),
    totals: () => runner.totals(),
    sums() {
      const { totals, ...rest } = runner.totals();
      const sum = noOutcomes();
      for (const outcomes of totals.values()) addOutcomes(sum, outcomes);
      return { ...rest, totals: new Map([["", sum]]) };
    },
    busySeconds: () => performance.eventLoopUtilization().active / 1000,
    async stop(deadlineMs) {
      await runner.stop(stopSignal(deadlineMs));
      await log.close(stopSignal(deadlineMs));
    },
  };
  for (const port of [control, ...peers]) serveThread(port, api, logger);
}

giveWay();
await runProcessors(workerData as ProcessorsThreadData);
