import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { systemClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { createMetrics } from "../core/metrics.ts";
import { createChdbProcess } from "../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink } from "../sinks/clickhouse/clickhouse-link.ts";
import { createClickHouseSink } from "../sinks/clickhouse/clickhouse-sink.ts";
import { parseClickHouseUrl } from "../sinks/clickhouse/clickhouse-target.ts";
import { ROLLUP_PACE } from "../sinks/clickhouse/rollups/rollups.ts";
import { openTestLog } from "../test/unit/log/open-test-log.ts";
import { cpuSecondsOf, treeCpuSeconds } from "./process-tree.ts";
import { untilSettled } from "./tables-settled.ts";
import { METRICS, createReadings } from "./tables-readings.ts";
import type { TablesServerReady } from "./tables-server.ts";

/** What the process is told, as its first message. */
export interface TablesLoad {
  readonly directory: string;
  /** Null: the embedded ClickHouse, without a network. */
  readonly server: TablesServerReady | null;
  readonly rollups: boolean;
  readonly devices: number;
  /** Rounds in which each device sends one message; a second of event time apart. */
  readonly warmUpRounds: number;
  readonly rounds: number;
  /** True: a round each second, as live devices. False: all of them lie in the log already. */
  readonly live: boolean;
}

export interface TablesRun {
  readonly rows: number;
  readonly seconds: number;
  /** Of the process that runs the sink: reading the log, making rows, compressing, sending. */
  readonly sinkCpuSeconds: number;
  /** Of ClickHouse: inserts, merges meanwhile and, where they are on, all roll-ups. */
  readonly clickhouseCpuSeconds: number;
  readonly storedOnce: boolean;
}

const NEVER_MS = 1e12;
const countRow = z.object({ rows: z.number(), distinct: z.number() });
const dirtyRow = z.object({ dirty: z.number() });
const COUNTS = `SELECT count() AS rows, uniqExact(src_partition, src_offset, src_index, metric) AS distinct
  FROM readings`;

process.once("message", (load: TablesLoad) => {
  void run(load).then((result) => process.send?.(result, () => process.exit(0)));
});

async function run(load: TablesLoad): Promise<TablesRun> {
  const { directory, server, rollups, devices, warmUpRounds, rounds, live } = load;
  const common = { clock: systemClock, logger: silentLogger, onFault: () => undefined };
  const chdb = createChdbProcess({ path: `${directory}/clickhouse`, environment: process.env, ...common });
  if (server === null) await chdb.start();
  const remote = server === null ? null : parseClickHouseUrl(server.url);
  const connection = () => remote ?? chdb.connection();
  const chdbPid = server?.chdbPid ?? chdb.pid() ?? 0;
  const log = await openTestLog(`${directory}/log`, { bytesMax: 8 * 1024 ** 3, partitionCount: 32 });
  const readings = createReadings(log, devices);
  await readings.append(warmUpRounds);
  if (!live) await readings.prepare(rounds);
  const rollupPace = rollups ? ROLLUP_PACE : { ...ROLLUP_PACE, delayMs: NEVER_MS };
  const sink = createClickHouseSink({
    ...common,
    log,
    firstGeneration: 1,
    installation: "bench",
    connection,
    metrics: createMetrics(),
    rollupPace,
  });
  const link = createClickHouseLink(connection);
  const counts = async () => (await link.query(COUNTS, countRow))[0] ?? { rows: 0, distinct: 0 };
  /** Cheap to ask: the CPU of the asked is what is measured. */
  const isDirty = async () =>
    ((await link.query("SELECT count() AS dirty FROM dirty_buckets", dirtyRow))[0]?.dirty ?? 0) > 0;
  await sink.start();
  await untilSettled(log);
  while (rollups && (await isDirty())) await delay(200);

  if (!live) await readings.appendPrepared();
  const begun = performance.now();
  const [own, clickhouse] = [cpuSecondsOf(process.cpuUsage()), treeCpuSeconds(chdbPid)];
  for (let round = 0; live && round < rounds; round += 1) {
    await readings.append(1);
    await delay(Math.max(0, begun + (round + 1) * 1000 - performance.now()));
  }
  await untilSettled(log);
  const sinkCpuSeconds = cpuSecondsOf(process.cpuUsage()) - own;
  const seconds = (performance.now() - begun) / 1000;
  while (rollups && (await isDirty())) await delay(200);
  const clickhouseCpuSeconds = treeCpuSeconds(chdbPid) - clickhouse;
  const { rows, distinct } = await counts();
  await sink.stop(AbortSignal.timeout(5000));
  await link.close();
  if (server === null) await chdb.stop(AbortSignal.timeout(5000));
  await log.close(AbortSignal.timeout(5000));
  const measured = rounds * devices * METRICS;
  const storedOnce = rows === distinct && rows === measured + warmUpRounds * devices * METRICS;
  return { rows: measured, seconds, sinkCpuSeconds, clickhouseCpuSeconds, storedOnce };
}
