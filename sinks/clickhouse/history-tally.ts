import { z } from "zod";
import { deviceKey } from "../../core/ids.ts";
import type { HistoryTally } from "../../core/history.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

/**
 * Grouped instead of uniqExact, which keeps every key in memory: grouping goes to disk when it grows. The aggregates are counted as
 * windows, since merges drop replaced revisions at times of their own choosing.
 */
const DISTINCT_READINGS = `SELECT count() AS rows FROM (
  SELECT 1 FROM readings
  GROUP BY src_stage, src_partition, src_generation, src_offset, src_step, src_index, metric)`;

const BY_DEVICE =
  "SELECT toString(tenant) AS tenant_id, device, count() AS rows FROM readings GROUP BY tenant_id, device";

const countRow = z.object({ rows: z.number() });
const deviceRow = z.object({ tenant_id: z.string(), device: z.string(), rows: z.number() });

export async function readTally(link: ClickHouseLink, proof: boolean): Promise<HistoryTally> {
  const count = async (sql: string): Promise<number> => (await link.query(sql, countRow))[0]?.rows ?? 0;
  return {
    readingRows: await count("SELECT count() AS rows FROM readings"),
    readingDistinct: proof ? await count(DISTINCT_READINGS) : null,
    aggregateRows: await count("SELECT count() AS rows FROM aggregates FINAL"),
    alarmEventRows: await count("SELECT count() AS rows FROM alarm_events"),
    quarantineRows: await count("SELECT count() AS rows FROM quarantine"),
    deadLetterRows: await count("SELECT count() AS rows FROM dead_letters"),
    readingRowsByDevice: proof ? await rowsByDevice(link) : null,
  };
}

async function rowsByDevice(link: ClickHouseLink): Promise<Record<string, number>> {
  const rows = await link.query(BY_DEVICE, deviceRow);
  return Object.fromEntries(rows.map((row) => [deviceKey(row.tenant_id, row.device), row.rows]));
}
