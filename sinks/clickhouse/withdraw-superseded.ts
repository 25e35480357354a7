import { ROLLUP_LEVELS } from "./rollups/rollup-levels.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

const SOURCE = "src_stage, src_partition, src_generation, src_offset, src_step, src_index";
/** On replicated tables a deletion by a subquery must be allowed: what it finds is the same on each, since the rows it looks at stay until all have it. */
const BY_QUERY = "SETTINGS allow_nondeterministic_mutations = 1";
const ROWS = "FROM superseded_readings WHERE src_stage != ''";

/** Within the times that are concerned, so that other parts of the table are not looked at. */
const DELETE_READINGS = `DELETE FROM readings WHERE ts >= (SELECT min(ts) ${ROWS}) AND ts <= (SELECT max(ts) ${ROWS})
  AND (${SOURCE}) IN (SELECT ${SOURCE} ${ROWS}) ${BY_QUERY}`;

/** Series whose last value may be one that is gone. Noted before it is deleted, so that whoever comes after a crash knows them. */
const NOTE_SERIES = `INSERT INTO superseded_readings (tenant, device, metric, ts, src_stage)
  SELECT tenant, device, metric, max(ts) AS newest, '' FROM latest_readings GROUP BY tenant, device, metric
  HAVING (tenant, device, newest) IN (SELECT tenant, device, ts ${ROWS}) SETTINGS insert_deduplicate = 0`;
const SERIES = "SELECT tenant, metric, device FROM superseded_readings WHERE src_stage = ''";
const DELETE_LATEST = `DELETE FROM latest_readings WHERE (tenant, metric, device) IN (${SERIES}) ${BY_QUERY}`;
const NEWEST_THAT_ARE_LEFT = `INSERT INTO latest_readings (tenant, device, metric, ts, kind, number, text)
  SELECT tenant, device, metric, max(ts), argMax(kind, ts), argMax(number, ts), argMax(text, ts)
  FROM readings WHERE (tenant, metric, device) IN (${SERIES}) GROUP BY tenant, device, metric
  SETTINGS insert_deduplicate = 0`;

/**
 * Deletes the rows whose place corrections have taken, and what was made of them: last values, and roll-ups, whose buckets are marked and made
 * again. May run again. Errors: SINK_UNAVAILABLE, SINK_REFUSED.
 */
export async function withdrawSuperseded(link: ClickHouseLink): Promise<void> {
  await link.command(DELETE_READINGS);
  for (const { table, startOf } of ROLLUP_LEVELS) {
    const buckets = `SELECT tenant, device, ${startOf}(ts) ${ROWS}`;
    await link.command(`DELETE FROM ${table} WHERE (tenant, device, ${startOf}(start)) IN (${buckets}) ${BY_QUERY}`);
  }
  await link.command(NOTE_SERIES);
  await link.command(DELETE_LATEST);
  await link.command(NEWEST_THAT_ARE_LEFT);
  await link.command("ALTER TABLE superseded_readings DROP PARTITION tuple()");
}
