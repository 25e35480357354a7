import { workerData } from "node:worker_threads";
import { createMetrics } from "../../core/metrics.ts";
import { connectEmbeddedLog } from "../../log/embedded/connect-embedded-log.ts";
import { createChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseSink } from "../../sinks/clickhouse/clickhouse-sink.ts";
import { stopSignal } from "../deadline.ts";
import { createFaultBoard } from "../fault-board.ts";
import { createLogger } from "../logging.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { serveThread } from "../thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { LogConnection } from "../../log/embedded/connect-embedded-log.ts";
import type { Config } from "../config.ts";
import type { ClickHouseApi } from "./thread-apis.ts";

export interface ClickHouseThreadData {
  readonly config: Config;
  readonly connection: LogConnection;
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly control: MessagePort;
  readonly peers: readonly MessagePort[];
}

/** The thread of the tables: it supervises the embedded ClickHouse and feeds it. */
function runClickHouse({ config, connection, path, environment, control, peers }: ClickHouseThreadData): void {
  const logger = createLogger(config.logLevel, "clickhouse");
  const metrics = createMetrics();
  const clock = createSystemReceiveClock();
  const log = connectEmbeddedLog(connection);
  const faults = createFaultBoard();
  const server = createChdbProcess({ path, environment, clock, logger, onFault: faults.report });
  const locate = () => server.connection();
  const sink = createClickHouseSink({
    log,
    generation: connection.generation,
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
      await log.close();
    },
  };
  for (const port of [control, ...peers]) serveThread(port, api, logger);
}

runClickHouse(workerData as ClickHouseThreadData);
