import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createChdbProcess, type ChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { createClickHouseSink, type ClickHouseSink } from "../../sinks/clickhouse/clickhouse-sink.ts";
import { createHistory } from "../../sinks/clickhouse/history.ts";
import { ROLLUP_PACE, type RollupPace } from "../../sinks/clickhouse/rollups/rollups.ts";
import { openTestLog } from "../../test/unit/log/open-test-log.ts";
import { cpuSecondsOf, treeCpuSeconds } from "../process-tree.ts";
import { median } from "../statistics.ts";
import { createReadings, METRICS } from "../tables-readings.ts";
import { untilSettled } from "../tables-settled.ts";

/**
 * A process of its own with a log, the sink and the embedded ClickHouse. Its messages: first the directory and the devices, then how far the
 * history is to be filled, then one for each round that is to be measured. Each is answered.
 */
export type HistoryQuestion =
  | { readonly kind: "fill"; readonly directory: string; readonly devices: number; readonly rows: number }
  | { readonly kind: "round" };

/** A round: what one more batch of messages and some questions of a dashboard cost. */
export interface HistoryRound {
  readonly messages: number;
  readonly sinkCpuSeconds: number;
  /** Of ClickHouse until the rows are in. */
  readonly insertCpuSeconds: number;
  /** Of ClickHouse from then until every roll-up is computed and nothing is left to be merged. */
  readonly rollupCpuSeconds: number;
  readonly queries: number;
  readonly queryCpuSeconds: number;
  readonly queryMsMedian: number;
}

export interface HistoryFilled {
  readonly rows: number;
  /** On disk, of `readings`, and of all tables, for each row of `readings`. */
  readonly bytesPerRow: number;
  readonly allBytesPerRow: number;
}

const GIB = 1024 ** 3;
const NEVER_MS = 1e12;
/** Of a device. */
const INTERVAL_MS = 10_000;
/** 60 points of one metric: what a tile of a dashboard shows. */
const QUERY_RANGE_MS = 600_000;
const QUERIES = 40;
/** As large as one insert may be, rounded down to whole rounds of the fleet. */
const INSERT_ROWS = 180_000;
const sizeRow = z.object({ bytes: z.number(), rows: z.number() });
const dirtyRow = z.object({ dirty: z.number() });
const mergesRow = z.object({ merges: z.number() });
/** One merge may follow another after a moment. */
const QUIET_LOOKS = 5;

process.once("disconnect", () => process.exit(1));
process.once("message", (first: Extract<HistoryQuestion, { kind: "fill" }>) => {
  void fill(first).then(({ filled, round }) => {
    process.on("message", () => void round().then((answer) => process.send?.(answer)));
    process.send?.(filled);
  });
});

async function fill({ directory, devices, rows }: Extract<HistoryQuestion, { kind: "fill" }>) {
  const common = { clock: systemClock, logger: silentLogger, onFault: () => undefined };
  const chdb = createChdbProcess({ path: `${directory}/clickhouse`, environment: process.env, ...common });
  await chdb.start();
  const connection = () => chdb.connection();
  const log = await openTestLog(`${directory}/log`, { bytesMax: 32 * GIB, partitionCount: 32 });
  const readings = createReadings(log, devices, { stepMs: INTERVAL_MS, noise: mixed });
  const of = { firstGeneration: 1, installation: "bench", log, connection };
  const startSink = async (pace: Partial<RollupPace>): Promise<ClickHouseSink> => {
    const rollupPace = { ...ROLLUP_PACE, ...pace };
    const sink = createClickHouseSink({ ...common, ...of, metrics: createMetrics(), rollupPace });
    await sink.start();
    return sink;
  };
  // Each bucket of the history is computed once, when all of it is there: a fill of millions takes long enough.
  const filling = await startSink({ delayMs: NEVER_MS });
  const link = createClickHouseLink(connection);
  const settled = async (): Promise<void> => {
    while (((await link.query("SELECT count() AS dirty FROM dirty_buckets", dirtyRow))[0]?.dirty ?? 0) > 0)
      await delay(100);
  };
  const quiet = async (): Promise<void> => {
    for (let looks = 0; looks < QUIET_LOOKS; looks += 1) {
      if (((await link.query("SELECT count() AS merges FROM system.merges", mergesRow))[0]?.merges ?? 0) > 0)
        looks = -1;
      await delay(200);
    }
  };
  await readings.append(Math.round(rows / (devices * METRICS)));
  await untilSettled(log);
  await filling.stop(AbortSignal.timeout(5000));
  // From now on roll-ups are computed at once and without rest, so that what they cost belongs to the round that they follow.
  await startSink({ delayMs: 1000, restFactor: 0 });
  await settled();
  const sizeOf = async (where: string) =>
    (
      await link.query(
        `SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts WHERE active AND ${where}`,
        sizeRow,
      )
    )[0] ?? { bytes: 0, rows: 0 };
  const own = await sizeOf("table = 'readings'");
  const all = await sizeOf("database = currentDatabase()");
  const filled: HistoryFilled = {
    rows: own.rows,
    bytesPerRow: own.bytes / own.rows,
    allBytesPerRow: all.bytes / own.rows,
  };
  const round = async (): Promise<HistoryRound> => {
    const batches = Math.max(1, Math.floor(INSERT_ROWS / (devices * METRICS)));
    await readings.prepare(batches);
    await quiet();
    const [ownBefore, before] = [cpuSecondsOf(process.cpuUsage()), clickhouseCpu(chdb)];
    await readings.appendPrepared();
    await untilSettled(log, 5);
    const inserted = clickhouseCpu(chdb);
    const sinkCpuSeconds = cpuSecondsOf(process.cpuUsage()) - ownBefore;
    await settled();
    await quiet();
    const rolledUp = clickhouseCpu(chdb);
    const queryMsMedian = await ask(connection, devices, readings.until());
    return {
      messages: batches * devices,
      sinkCpuSeconds,
      insertCpuSeconds: inserted - before,
      rollupCpuSeconds: rolledUp - inserted,
      queries: QUERIES,
      queryCpuSeconds: clickhouseCpu(chdb) - rolledUp,
      queryMsMedian,
    };
  };
  return { filled, round };
}

/** Values that do not repeat in a pattern: those of a pattern take less room than any sensor's. */
function mixed(offset: number, partition: number): number {
  const mixed = Math.imul(offset ^ (partition << 20), 0x9e3779b1);
  return ((mixed ^ (mixed >>> 15)) >>> 0) % 1000;
}

function clickhouseCpu(chdb: ChdbProcess): number {
  return treeCpuSeconds(chdb.pid() ?? 0);
}

/** The newest ten minutes of one metric of devices all over the fleet, one after the other. Throws when an answer is not whole. */
async function ask(connection: () => ReturnType<ChdbProcess["connection"]>, devices: number, until: number) {
  const history = createHistory(connection);
  const milliseconds: number[] = [];
  for (let query = 0; query < QUERIES; query += 1) {
    const device = `sensor-${String(Math.floor((query * devices) / QUERIES)).padStart(5, "0")}`;
    const begun = performance.now();
    const { points } = await history.series({
      tenant: "default",
      device,
      metric: "temperature",
      from: until - QUERY_RANGE_MS,
      to: until,
      pointsMax: 300,
    });
    milliseconds.push(performance.now() - begun);
    if (points.length !== QUERY_RANGE_MS / INTERVAL_MS)
      throw new Error(`${device} has ${points.length} points of its newest ten minutes`);
  }
  await history.close();
  return median(milliseconds);
}
