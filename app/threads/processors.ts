import { performance } from "node:perf_hooks";
import { workerData } from "node:worker_threads";
import { addOutcomes, noOutcomes } from "../../core/ledger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { connectEmbeddedLog } from "../../log/embedded/connect-embedded-log.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { createStageRunner } from "../../runtime/stage-runner.ts";
import { stopSignal } from "../deadline.ts";
import { createLogger } from "../logging.ts";
import { serveThread } from "../thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { LogConnection } from "../../log/embedded/connect-embedded-log.ts";
import type { Config } from "../config.ts";
import type { ProcessorsApi } from "./thread-apis.ts";

export interface ProcessorsThreadData {
  readonly config: Config;
  readonly connection: LogConnection;
  readonly partitions: readonly number[];
  readonly control: MessagePort;
  readonly peers: readonly MessagePort[];
}

/** A thread that runs the main stage on its share of the partitions. */
function runProcessors({ config, connection, partitions, control, peers }: ProcessorsThreadData): void {
  const logger = createLogger(config.logLevel, "processors");
  const metrics = createMetrics();
  const log = connectEmbeddedLog(connection);
  const monotonic = { now: () => performance.now() };
  const { generation } = connection;
  const runner = createStageRunner({ log, stage: mainStage, partitions, generation, monotonic, logger, metrics });
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
    async stop(deadlineMs) {
      await runner.stop(stopSignal(deadlineMs));
      await log.close();
    },
  };
  for (const port of [control, ...peers]) serveThread(port, api, logger);
}

runProcessors(workerData as ProcessorsThreadData);
