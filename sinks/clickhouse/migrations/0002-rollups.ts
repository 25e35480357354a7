import type { Migration } from "./migration.ts";

const DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1";

/**
 * What readings came in since roll-ups were last computed: the minutes of each device, put here before the readings themselves. A slot is
 * a partition, dropped as a whole when its buckets are computed.
 */
const DIRTY_BUCKETS = `CREATE TABLE IF NOT EXISTS dirty_buckets (
  slot UInt32,
  tenant LowCardinality(String),
  device String CODEC(ZSTD(1)),
  start DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY slot
ORDER BY (tenant, device, start)
SETTINGS ${DURABLE}, non_replicated_deduplication_window = 1000`;

/**
 * Numbers and booleans of one series in one bucket of event time. The version is the count: readings are only added to a bucket, so what
 * counts most is the newest, whatever clocks do; the removal of a device deletes its buckets. `last` is that of the greatest event time.
 */
function rollup(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String),
  device String CODEC(ZSTD(1)),
  metric LowCardinality(String),
  start DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  count UInt64 CODEC(ZSTD(1)),
  sum Float64 CODEC(ZSTD(1)),
  min Float64 CODEC(ZSTD(1)),
  max Float64 CODEC(ZSTD(1)),
  last Float64 CODEC(ZSTD(1)),
  first_ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  last_ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  computed DateTime('UTC') CODEC(DoubleDelta, ZSTD(1))
) ENGINE = ReplacingMergeTree(count)
PARTITION BY toYYYYMM(start)
ORDER BY (tenant, metric, device, start)
SETTINGS ${DURABLE}, index_granularity = 1024`;
}

/** What a release without roll-ups has stored: all of it is to be computed. Marks that stand there twice do no harm. */
const MARK_ALL = `INSERT INTO dirty_buckets (slot, tenant, device, start)
SELECT DISTINCT 0, tenant, device, fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(ts), 60000) * 60000, 'UTC')
FROM readings SETTINGS insert_deduplicate = 0`;

export const rollups: Migration = {
  id: 2,
  name: "rollups",
  statements: [DIRTY_BUCKETS, ...["rollup_minutes", "rollup_hours", "rollup_days"].map(rollup), MARK_ALL],
};
