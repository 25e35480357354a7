import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { z } from "zod";
import { systemClock } from "../../../core/clock.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createChdbProcess, type ChdbProcess } from "../../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink, type ClickHouseLink } from "../../../sinks/clickhouse/clickhouse-link.ts";
import { createClickHouseSink } from "../../../sinks/clickhouse/clickhouse-sink.ts";
import { ROLLUP_PACE, type RollupPace } from "../../../sinks/clickhouse/rollups/rollups.ts";
import { CLICKHOUSE_JOURNAL } from "../../../sinks/clickhouse/sink-journal.ts";
import { createHistory } from "../../../sinks/clickhouse/history.ts";
import { startClickHouseServer, type ClickHouseServer } from "../../support/clickhouse-server.ts";
import { createMemoryEventLog, type MemoryEventLog } from "../../support/memory-event-log.ts";
import type { ClickHouseConnection } from "../../../sinks/clickhouse/clickhouse-connection.ts";
import type { LinkTimeouts } from "../../../sinks/clickhouse/clickhouse-link.ts";
import type { RollupRetention } from "../../../sinks/clickhouse/rollups/rollup-levels.ts";
import type { ReportFault } from "../../../core/fault.ts";
import type { EventLog } from "../../../core/event-log.ts";
import type { HistoryQueries } from "../../../core/history.ts";
import type { Service } from "../../../core/lifecycle.ts";

/** Fault id and transition, as they were reported. */
export type FaultLine = `${string} ${Parameters<ReportFault>[1]}`;

/**
 * A real chdb in a temporary folder, an event log in memory, and sinks between them. In the project "clickhouse", or when asked for,
 * sinks and queries reach it as a server over the network.
 */
export interface ClickHouseBench {
  readonly directory: string;
  readonly log: MemoryEventLog;
  readonly faults: readonly FaultLine[];
  chdb(): ChdbProcess;
  /** Null where chdb is reached as the embedded one. */
  readonly server: ClickHouseServer | null;
  /** Where sinks and queries find ClickHouse. */
  connection(): ClickHouseConnection | null;
  history(): HistoryQueries;
  startChdb(): Promise<ChdbProcess>;
  startSink(options?: SinkChoices): Promise<Service>;
  stop(service: Service): Promise<void>;
  tally(): Promise<Tally>;
  /** No bucket waits to be rolled up. */
  isRolledUp(): Promise<boolean>;
  /** All that is in the log counts as done in the sink's journal. */
  isSettled(): Promise<boolean>;
  close(): Promise<void>;
}

const PACE: RollupPace = { ...ROLLUP_PACE, delayMs: 100, restFactor: 0 };

export interface SinkChoices {
  readonly log?: EventLog;
  readonly rowsMax?: number;
  readonly timeouts?: LinkTimeouts;
  readonly installation?: string;
  readonly rollupPace?: Partial<RollupPace>;
  readonly rollupRetention?: RollupRetention;
}

export const CHDB_TITLE = "(skipped where the optional package chdb is not installed)";

export function hasChdb(): boolean {
  try {
    import.meta.resolve("chdb");
    return true;
  } catch {
    return false;
  }
}

export async function openBench(place = inject("clickhousePlace") ?? "embedded"): Promise<ClickHouseBench> {
  const directory = await mkdtemp(join(tmpdir(), "millrace-clickhouse-"));
  const log = createMemoryEventLog();
  const faults: FaultLine[] = [];
  const services = new Set<Service>();
  const onFault: ReportFault = (id, transition) => void faults.push(`${id} ${transition}`);
  const common = { clock: systemClock, logger: silentLogger, onFault };
  let current: ChdbProcess | null = null;
  const chdb = (): ChdbProcess => {
    if (current === null) throw new Error("chdb was not started");
    return current;
  };
  const server = place === "server" ? await startClickHouseServer(() => current?.connection() ?? null) : null;
  const connection = (): ClickHouseConnection | null => server?.connection() ?? chdb().connection();
  const history = createHistory(connection);
  const link = createClickHouseLink(() => chdb().connection());
  const start = async <T extends Service>(service: T): Promise<T> => {
    await service.start();
    services.add(service);
    return service;
  };
  const stop = async (service: Service): Promise<void> => {
    services.delete(service);
    await service.stop(AbortSignal.timeout(3000));
  };
  return {
    directory,
    log,
    faults,
    chdb,
    server,
    connection,
    history: () => history,
    async startChdb() {
      const probes = { probeIntervalMs: 200, probeTimeoutMs: 2000 };
      current = createChdbProcess({
        path: join(directory, "clickhouse"),
        environment: process.env,
        ...common,
        ...probes,
      });
      return start(current);
    },
    startSink({ log: over = log, rowsMax = 5000, installation = "test", timeouts, rollupPace, ...rollups } = {}) {
      const options = {
        log: over,
        firstGeneration: 0,
        installation,
        connection,
        ...(timeouts === undefined ? {} : { timeouts }),
        metrics: createMetrics(),
        ...common,
      };
      return start(
        createClickHouseSink({ ...options, lingerMs: 50, rowsMax, ...rollups, rollupPace: { ...PACE, ...rollupPace } }),
      );
    },
    stop,
    tally: () => tallyOf(link),
    async isRolledUp() {
      const marks = await link.query("SELECT count() AS rows FROM dirty_buckets", z.object({ rows: z.number() }));
      return marks[0]?.rows === 0;
    },
    async isSettled() {
      const { journals, partitions } = await log.status();
      const journal = journals.find(({ name }) => name === CLICKHOUSE_JOURNAL);
      const done = new Map(journal?.positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
      return partitions.every(
        ({ topic, partition, endOffset }) => endOffset === (done.get(`${topic}/${partition}`) ?? 0),
      );
    },
    async close() {
      for (const service of [...services].toReversed()) await stop(service);
      await history.close();
      await server?.down();
      await link.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Rows of the tables, counted by queries of its own. */
export interface Tally {
  readonly readingRows: number;
  readonly readingDistinct: number;
  readonly aggregateRows: number;
  readonly alarmEventRows: number;
  readonly readingRowsByDevice: Readonly<Record<string, number>>;
}

async function tallyOf(link: ClickHouseLink): Promise<Tally> {
  const count = async (sql: string) =>
    (await link.query(`SELECT ${sql}`, z.object({ rows: z.number() })))[0]?.rows ?? 0;
  const source = "(src_stage, src_partition, src_generation, src_offset, src_step, src_index, metric)";
  const devices = await link.query(
    "SELECT toString(tenant) AS of, device, count() AS rows FROM readings GROUP BY of, device",
    z.object({ of: z.string(), device: z.string(), rows: z.number() }),
  );
  return {
    readingRows: await count("count() AS rows FROM readings"),
    readingDistinct: await count(`uniqExact(${source}) AS rows FROM readings`),
    aggregateRows: await count("count() AS rows FROM aggregates FINAL"),
    alarmEventRows: await count("count() AS rows FROM alarm_events"),
    readingRowsByDevice: Object.fromEntries(devices.map(({ of, device, rows }) => [`${of}/${device}`, rows])),
  };
}

export async function until(text: string, holds: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it never came that ${text}`);
    await sleep(25);
  }
}
