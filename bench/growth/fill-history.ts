import { z } from "zod";
import { setTimeout as delay } from "node:timers/promises";
import { migrateDatabase } from "../../sinks/clickhouse/migrate.ts";
import { setMergeSettings } from "../../sinks/clickhouse/merge-settings.ts";
import { rollupStatements } from "../../sinks/clickhouse/rollups/rollup-statements.ts";
import { silentLogger } from "../../core/logger.ts";
import type { ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";

export interface HistoryShape {
  readonly devices: number;
  /** Messages of each device in one insert, and between two of them, ms. */
  readonly messagesPerInsert: number;
  readonly intervalMs: number;
  /** Event time at which the history ends, UTC ms. */
  readonly until: number;
}

/** What merges have done since the process began: of all tables. */
export interface MergeCount {
  readonly mergedRows: number;
  readonly cpuSeconds: number;
}

/** What the merges of the last inserts of a fill took: as many inserts as half of it, three at least. */
export interface FillMerges {
  readonly messages: number;
  readonly mergedRows: number;
  readonly cpuSeconds: number;
}

const INSTALLATION = "bench";
const METRIC_NAMES = ["temperature", "humidity", "pressure", "vibration", "current", "cycles"];
const MINUTE_MS = 60_000;
const FOR_GOOD = (): number => Number.NEGATIVE_INFINITY;
const INSERTS_MIN = 3;
const INSERTS_PER_ROLLUP = 6;
/** One part, as the sink makes it. */
const ONE_PART = `SETTINGS max_threads = 1, max_block_size = 800000, min_insert_block_size_rows = 800000,
  min_insert_block_size_bytes = 0, insert_deduplicate = 0`;
const mergesRow = z.object({ merges: z.number() });

/**
 * Puts a history of `inserts` inserts into the tables as the sink would, the newest last: rows are made by the server, a log of a hundred million would take hours.
 * Roll-ups are computed by the sink's own statements, once in six inserts, as by a sink that is busy. Merges end before the next insert, so that
 * they do not depend on what else the machine does. Source positions are of a generation before the log's.
 */
export async function fillHistory(
  link: ClickHouseLink,
  inserts: number,
  shape: HistoryShape,
  merges: () => Promise<MergeCount>,
): Promise<FillMerges> {
  await migrateDatabase(link, INSTALLATION);
  await setMergeSettings(link, silentLogger);
  const { devices, messagesPerInsert, intervalMs, until } = shape;
  const width = messagesPerInsert * intervalMs;
  const last = Math.min(inserts, Math.max(INSERTS_MIN, Math.floor(inserts / 2)));
  let before = await merges();
  for (let index = 0; index < inserts; index += 1) {
    if (index === inserts - last) before = await merges();
    const from = until - (inserts - index) * width;
    const slot = Math.floor(index / INSERTS_PER_ROLLUP) + 1;
    for (const statement of insertsOf(slot, index, from, shape)) await link.command(statement);
    if ((index + 1) % INSERTS_PER_ROLLUP === 0 || index === inserts - 1)
      for (const statement of rollupsOf(slot)) await link.command(statement);
    await untilMerged(link);
  }
  const { mergedRows, cpuSeconds } = await merges();
  return {
    messages: last * devices * messagesPerInsert,
    mergedRows: mergedRows - before.mergedRows,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
  };
}

/** Nothing is being merged, at this look and some more: one merge may follow another after a moment. */
export async function untilMerged(link: ClickHouseLink, looks = 1, pauseMs = 20): Promise<void> {
  for (let quiet = 0; quiet < looks; quiet += 1) {
    if (((await link.query("SELECT count() AS merges FROM system.merges", mergesRow))[0]?.merges ?? 0) > 0) quiet = -1;
    await delay(pauseMs);
  }
}

function insertsOf(slot: number, index: number, from: number, shape: HistoryShape): readonly string[] {
  const { devices, messagesPerInsert, intervalMs } = shape;
  const to = from + messagesPerInsert * intervalMs;
  const firstMinute = Math.floor(from / MINUTE_MS);
  const minutes = Math.floor((to - 1) / MINUTE_MS) - firstMinute + 1;
  const metrics = `arrayJoin([${METRIC_NAMES.map((name) => `'${name}'`).join(", ")}])`;
  return [
    `INSERT INTO dirty_buckets (slot, tenant, device, start)
    SELECT ${slot}, 'default', ${deviceOf(`number % ${devices}`)}, ${timeOf(`(${firstMinute} + intDiv(number, ${devices})) * ${MINUTE_MS}`)}
    FROM numbers(${devices * minutes}) ${ONE_PART}`,
    `INSERT INTO latest_readings (tenant, device, metric, ts, kind, number, text)
    SELECT 'default', ${deviceOf("number")}, metric, ${timeOf(`${to - intervalMs} + number % 1000`)}, 'number', 20.5, ''
    FROM (SELECT number, ${metrics} AS metric FROM numbers(${devices})) ${ONE_PART}`,
    `INSERT INTO readings (tenant, device, metric, ts, kind, number, text, src_stage, src_partition, src_generation, src_offset, src_step, src_index)
    SELECT 'default', ${deviceOf("at")}, metric, ${timeOf(`${from} + step * ${intervalMs} + at % 1000`)}, 'number',
      round(20 + (cityHash64(number, ${index}, metric) % 1000) / 100, 2), '', 'main', at % 32, 0,
      intDiv(${index * messagesPerInsert} * ${devices} + number, 32), 0, 0
    FROM (SELECT number, number % ${devices} AS at, intDiv(number, ${devices}) AS step, ${metrics} AS metric
      FROM numbers(${messagesPerInsert * devices})) ${ONE_PART}`,
  ];
}

function rollupsOf(slot: number): readonly string[] {
  const statements = rollupStatements({ upToSlot: slot, passes: 1, pass: 0 }, FOR_GOOD);
  return [...statements, `ALTER TABLE dirty_buckets DROP PARTITION ${slot}`];
}

function deviceOf(number: string): string {
  return `concat('sensor-', leftPad(toString(${number}), 5, '0'))`;
}

function timeOf(ms: string): string {
  return `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
}
