import { workerData } from "node:worker_threads";
import { createMetrics } from "../../core/metrics.ts";
import { createChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createServerPlace, type ClickHousePlace } from "../../sinks/clickhouse/server-place.ts";
import { createClickHouseSink, type ClickHouseSink } from "../../sinks/clickhouse/clickhouse-sink.ts";
import { rollupRetention } from "../rollup-settings.ts";
import { stopSignal } from "../deadline.ts";
import { createFaultBoard } from "../fault-board.ts";
import { JOURNALS } from "../journals.ts";
import { leased } from "../leased.ts";
import { openThreadLog } from "../thread-log.ts";
import { createLogger } from "../logging.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { rolesOf } from "../roles.ts";
import { serveThread } from "../thread-rpc.ts";
import { openTracing } from "../tracing/open-tracing.ts";
import { giveWay } from "./give-way.ts";
import type { MessagePort } from "node:worker_threads";
import type { LogAccess } from "../thread-log.ts";
import type { Config } from "../config.ts";
import type { ClickHouseApi } from "./thread-apis.ts";

export interface ClickHouseThreadData {
  readonly config: Config;
  readonly access: LogAccess;
  /** Folder of the embedded ClickHouse. */
  readonly path: string;
  readonly installation: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly control: MessagePort;
  readonly peers: readonly MessagePort[];
}

/** The thread of the tables: it supervises the embedded ClickHouse, or knows the server, and feeds it. */
async function runClickHouse(data: ClickHouseThreadData): Promise<void> {
  const { config, path, installation, environment, control, peers } = data;
  const logger = createLogger(config.logLevel, "clickhouse");
  const metrics = createMetrics();
  const clock = createSystemReceiveClock();
  const log = await openThreadLog(data.access, config, { clock, logger, metrics });
  const tracing = await openTracing(config.tracing, "clickhouse", { clock, logger, metrics });
  const faults = createFaultBoard();
  const server: ClickHousePlace =
    config.clickhouseUrl === undefined
      ? createChdbProcess({ path, environment, clock, logger, onFault: faults.report })
      : createServerPlace({ url: config.clickhouseUrl, installation, logger });
  const locate = () => server.connection();
  const roles = rolesOf(config.role);
  const makeSink = (): ClickHouseSink =>
    createClickHouseSink({
      log,
      firstGeneration: log.firstGeneration,
      installation,
      connection: locate,
      clock,
      logger,
      metrics,
      onFault: faults.report,
      tracer: tracing.tracer,
      rollupRetention: rollupRetention(config),
    });
  const lease = roles.has("sinks") ? leased(log.groups([0]), JOURNALS.clickhouse, makeSink) : null;
  const sinkReasons = (): readonly string[] => lease?.current?.notReadyReasons() ?? [];
  const api: ClickHouseApi = {
    async start() {
      await server.start();
      await lease?.start();
    },
    health: () => faults.health([...server.notReadyReasons(), ...sinkReasons()]),
    metrics: () => metrics.snapshot(),
    connection: locate,
    erasures: () => lease?.current?.erasures() ?? null,
    settled: () => lease?.current?.settled() ?? null,
    async stop(deadlineMs) {
      const signal = stopSignal(deadlineMs);
      await lease?.stop(signal);
      await tracing.stop(signal);
      await server.stop(signal);
      await log.close(signal);
    },
  };
  for (const port of [control, ...peers]) serveThread(port, api, logger);
}

giveWay();
await runClickHouse(workerData as ClickHouseThreadData);
