import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createChdbProcess, type ChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { createClickHouseSink } from "../../sinks/clickhouse/clickhouse-sink.ts";
import { createHistory } from "../../sinks/clickhouse/history.ts";
import { ROLLUP_PACE } from "../../sinks/clickhouse/rollups/rollups.ts";
import { openTestLog } from "../../test/unit/log/open-test-log.ts";
import { cpuSecondsOf, threadCpuSeconds, treeCpuSeconds } from "../process-tree.ts";
import { median } from "../statistics.ts";
import { createReadings, METRICS } from "../tables-readings.ts";
import { untilSettled } from "../tables-settled.ts";
import { fillHistory, untilMerged, type FillMerges, type MergeCount } from "./fill-history.ts";

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
  /** Of ClickHouse until the rows are in, without merges. */
  readonly insertCpuSeconds: number;
  /** Of ClickHouse from then until every roll-up is computed, without merges. */
  readonly rollupCpuSeconds: number;
  /** Of ClickHouse's merges in this round, until nothing is left to be merged. Most rounds merge little and a few much. */
  readonly mergeCpuSeconds: number;
  readonly queries: number;
  readonly queryCpuSeconds: number;
  readonly queryMsMedian: number;
}

export interface HistoryFilled {
  readonly rows: number;
  /** On disk, of `readings`, and of all tables, for each row of `readings`. */
  readonly bytesPerRow: number;
  readonly allBytesPerRow: number;
  /** What the merges of its last inserts took: how much a row is merged when so much lies there. */
  readonly merges: FillMerges;
  readonly parts: number;
}

const GIB = 1024 ** 3;
/** Of a device. */
const INTERVAL_MS = 10_000;
/** 60 points of one metric: what a tile of a dashboard shows. */
const QUERY_RANGE_MS = 600_000;
const QUERIES = 40;
/** A machine that does something else meanwhile must not end a fill. */
const FILL_TIMEOUTS = { insertTimeoutMs: 600_000, queryTimeoutMs: 600_000, tableCommandTimeoutMs: 600_000 };
/** As large as one insert may be, rounded down to whole rounds of the fleet. */
const INSERT_ROWS = 180_000;
/**
 * Where the history ends and what is measured begins, whatever the history holds: in the same hour, day and month, so that the same buckets
 * are computed again of as many minutes and hours.
 */
const NOW = Date.UTC(2026, 0, 20, 0, 30, 5);
const sizeRow = z.object({ bytes: z.number(), rows: z.number(), parts: z.number() });
const dirtyRow = z.object({ dirty: z.number() });
const eventRow = z.object({ value: z.number() });
const MERGED_ROWS = "SELECT sum(value) AS value FROM system.events WHERE event = 'MergedRows'";
const QUIET_LOOKS = 5;
const QUIET_PAUSE_MS = 200;

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
  const link = createClickHouseLink(connection, FILL_TIMEOUTS);
  const merges = async (): Promise<MergeCount> => {
    const [counted] = await link.query(MERGED_ROWS, eventRow);
    return { mergedRows: counted?.value ?? 0, cpuSeconds: mergeCpu(chdb) };
  };
  const messagesPerInsert = Math.max(1, Math.floor(INSERT_ROWS / (devices * METRICS)));
  const inserts = Math.ceil(rows / (messagesPerInsert * devices * METRICS));
  const shape = { devices, messagesPerInsert, intervalMs: INTERVAL_MS, until: NOW };
  const fillMerges = await fillHistory(link, inserts, shape, merges);
  const log = await openTestLog(`${directory}/log`, { bytesMax: 4 * GIB, partitionCount: 32 });
  const readings = createReadings(log, devices, { start: NOW, stepMs: INTERVAL_MS, noise: mixed });
  // Roll-ups are computed at once and without rest, so that what they cost belongs to the round that they follow.
  const rollupPace = { ...ROLLUP_PACE, delayMs: 1000, restFactor: 0 };
  const of = { firstGeneration: 1, installation: "bench", log, connection, rollupPace };
  await createClickHouseSink({ ...common, ...of, metrics: createMetrics() }).start();
  const settled = async (): Promise<void> => {
    while (((await link.query("SELECT count() AS dirty FROM dirty_buckets", dirtyRow))[0]?.dirty ?? 0) > 0)
      await delay(100);
  };
  const sizeOf = async (where: string) =>
    (
      await link.query(
        `SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows, count() AS parts FROM system.parts WHERE active AND ${where}`,
        sizeRow,
      )
    )[0] ?? { bytes: 0, rows: 0, parts: 0 };
  const own = await sizeOf("table = 'readings'");
  const all = await sizeOf("database = currentDatabase()");
  const filled: HistoryFilled = {
    rows: own.rows,
    bytesPerRow: own.bytes / own.rows,
    allBytesPerRow: all.bytes / own.rows,
    merges: fillMerges,
    parts: own.parts,
  };
  const round = async (): Promise<HistoryRound> => {
    await readings.prepare(messagesPerInsert);
    await untilMerged(link, QUIET_LOOKS, QUIET_PAUSE_MS);
    const [ownBefore, before] = [cpuSecondsOf(process.cpuUsage()), clickhouseCpu(chdb)];
    await readings.appendPrepared();
    await untilSettled(log, 5);
    const inserted = clickhouseCpu(chdb);
    const sinkCpuSeconds = cpuSecondsOf(process.cpuUsage()) - ownBefore;
    await settled();
    const rolledUp = clickhouseCpu(chdb);
    await untilMerged(link, QUIET_LOOKS, QUIET_PAUSE_MS);
    const merged = clickhouseCpu(chdb);
    const queryMsMedian = await ask(connection, devices, readings.until());
    return {
      messages: messagesPerInsert * devices,
      sinkCpuSeconds,
      insertCpuSeconds: inserted.other - before.other,
      rollupCpuSeconds: rolledUp.other - inserted.other,
      mergeCpuSeconds: merged.merges - before.merges,
      queries: QUERIES,
      queryCpuSeconds: clickhouseCpu(chdb).other - merged.other,
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

/** CPU seconds of ClickHouse, those of merges on their own: merges of what was there before would be charged to whatever runs beside them. */
function clickhouseCpu(chdb: ChdbProcess): { readonly merges: number; readonly other: number } {
  const merges = mergeCpu(chdb);
  return { merges, other: treeCpuSeconds(chdb.pid() ?? 0) - merges };
}

function mergeCpu(chdb: ChdbProcess): number {
  const threads = Object.entries(threadCpuSeconds(chdb.pid() ?? 0)).filter(([name]) => name.includes("Merge"));
  return threads.reduce((sum, [, seconds]) => sum + seconds, 0);
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
