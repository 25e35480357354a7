import { workerData } from "node:worker_threads";
import { createMetrics } from "../../core/metrics.ts";
import { createChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseSink } from "../../sinks/clickhouse/clickhouse-sink.ts";
import { stopSignal } from "../deadline.ts";
import { createFaultBoard } from "../fault-board.ts";
import { openThreadLog } from "../installation-log.ts";
import { createLogger } from "../logging.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { serveThread } from "../thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { LogAccess } from "../installation-log.ts";
import type { Config } from "../config.ts";
import type { ClickHouseApi } from "./thread-apis.ts";

export interface ClickHouseThreadData {
  readonly config: Config;
  readonly access: LogAccess;
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly control: MessagePort;
  readonly peers: readonly MessagePort[];
}

/** The thread of the tables: it supervises the embedded ClickHouse and feeds it. */
async function runClickHouse(data: ClickHouseThreadData): Promise<void> {
  const { config, path, environment, control, peers } = data;
  const logger = createLogger(config.logLevel, "clickhouse");
  const metrics = createMetrics();
  const clock = createSystemReceiveClock();
  const log = await openThreadLog(data.access, config, { clock, logger, metrics });
  const faults = createFaultBoard();
  const server = createChdbProcess({ path, environment, clock, logger, onFault: faults.report });
  const locate = () => server.connection();
  const sink = createClickHouseSink({
    log,
    generation: log.generation,
    connection: locate,
    clock,
    logger,
    metrics,
    onFault: faults.report,
  });
  const api: ClickHouseApi = {
    async start() {
      await server.start();
      await sink.start();
    },
    health: () => faults.health([...server.notReadyReasons(), ...sink.notReadyReasons()]),
    metrics: () => metrics.snapshot(),
    connection: locate,
    erasures: () => sink.erasures(),
    settled: () => sink.settled(),
    async stop(deadlineMs) {
      const signal = stopSignal(deadlineMs);
      await sink.stop(signal);
      await server.stop(signal);
      await log.close(signal);
    },
  };
  for (const port of [control, ...peers]) serveThread(port, api, logger);
}

await runClickHouse(workerData as ClickHouseThreadData);
