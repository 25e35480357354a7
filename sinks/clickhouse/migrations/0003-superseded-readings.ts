import type { Migration } from "./migration.ts";

/**
 * Readings whose place corrections have taken, from the insert of these until their rows are deleted: empty between two plans. A row without a
 * stage names a series whose last value was among them.
 */
const SUPERSEDED_READINGS = `CREATE TABLE IF NOT EXISTS superseded_readings (
  tenant LowCardinality(String),
  device String,
  metric LowCardinality(String) DEFAULT '',
  ts DateTime64(3, 'UTC'),
  src_stage LowCardinality(String),
  src_partition UInt16,
  src_generation UInt32,
  src_offset UInt64,
  src_step UInt32,
  src_index UInt32
) ENGINE = MergeTree
ORDER BY (tenant, device, ts)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000`;

export const supersededReadings: Migration = {
  id: 3,
  name: "superseded-readings",
  statements: [SUPERSEDED_READINGS],
};
