import { RETENTION_DAYS } from "../retention.ts";
import type { Migration } from "./migration.ts";

/** Acknowledged rows survive a power cut (ClickHouse does not sync by itself), and a repeated insert is known by its token. */
const DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1";
const DEDUPLICATED = `${DURABLE}, non_replicated_deduplication_window = 1000`;

/** The source position of the record that made the row: count() = uniqExact(source, metric) shows that nothing is there twice. */
const SOURCE_COLUMNS = `
  src_stage LowCardinality(String),
  src_partition UInt16 CODEC(ZSTD(1)),
  src_generation UInt32 CODEC(ZSTD(1)),
  src_offset UInt64 CODEC(DoubleDelta, ZSTD(1)),
  src_step UInt32 CODEC(ZSTD(1)),
  src_index UInt32 CODEC(ZSTD(1))`;

const DEVICE_COLUMNS = `
  tenant LowCardinality(String),
  device String CODEC(ZSTD(1))`;

function time(name: string): string {
  return `${name} DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))`;
}

/**
 * Sorted for "one metric of one device over time"; a month per partition, because an insert is deduplicated per partition and old
 * months are dropped as a whole. `number` holds numbers and booleans (1, 0), `text` texts; `kind` tells which.
 */
const READINGS = `CREATE TABLE IF NOT EXISTS readings (
  ${DEVICE_COLUMNS},
  metric LowCardinality(String),
  ${time("ts")},
  kind Enum8('number' = 0, 'boolean' = 1, 'text' = 2) CODEC(ZSTD(1)),
  number Float64 CODEC(ZSTD(1)),
  text String CODEC(ZSTD(1)),
  ${SOURCE_COLUMNS}
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, metric, device, ts)
SETTINGS ${DEDUPLICATED}`;

/** The newest value by event time, so that "last values of all devices" does not read all readings. One row per series and insert. */
const LATEST_READINGS = `CREATE TABLE IF NOT EXISTS latest_readings (
  ${DEVICE_COLUMNS},
  metric LowCardinality(String),
  ${time("ts")},
  kind Enum8('number' = 0, 'boolean' = 1, 'text' = 2),
  number Float64,
  text String
) ENGINE = ReplacingMergeTree(ts)
ORDER BY (tenant, device, metric)
SETTINGS ${DEDUPLICATED}`;

/** The greatest version of a window is its truth; a replay (greater generation) counts its revisions from 0 again. */
const AGGREGATES = `CREATE TABLE IF NOT EXISTS aggregates (
  ${DEVICE_COLUMNS},
  metric LowCardinality(String),
  size_ms UInt64 CODEC(ZSTD(1)),
  ${time("start")},
  revision UInt32 CODEC(ZSTD(1)),
  count UInt64 CODEC(ZSTD(1)),
  sum Float64 CODEC(ZSTD(1)),
  min Float64 CODEC(ZSTD(1)),
  max Float64 CODEC(ZSTD(1)),
  mean Float64 CODEC(ZSTD(1)),
  first Float64 CODEC(ZSTD(1)),
  last Float64 CODEC(ZSTD(1)),
  ${SOURCE_COLUMNS},
  version UInt64 DEFAULT bitOr(bitShiftLeft(toUInt64(src_generation), 32), toUInt64(revision))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(start)
ORDER BY (tenant, device, metric, size_ms, start)
SETTINGS ${DEDUPLICATED}`;

const ALARM_EVENTS = `CREATE TABLE IF NOT EXISTS alarm_events (
  ${DEVICE_COLUMNS},
  id String,
  rule LowCardinality(String),
  rule_name LowCardinality(String),
  severity LowCardinality(String),
  transition LowCardinality(String),
  ${time("ts")},
  ${time("since")},
  ${time("received")},
  metric LowCardinality(String),
  value Nullable(Float64),
  message String,
  reason LowCardinality(String),
  ${SOURCE_COLUMNS}
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, device, ts, id)
SETTINGS ${DEDUPLICATED}`;

const QUARANTINE = `CREATE TABLE IF NOT EXISTS quarantine (
  ${DEVICE_COLUMNS},
  reason LowCardinality(String),
  detail String,
  metric String,
  ts Nullable(DateTime64(3, 'UTC')),
  ${time("received")},
  payload String,
  ${SOURCE_COLUMNS}
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (tenant, device, received)
${timeToLive(RETENTION_DAYS.quarantine)}`;

const DEAD_LETTERS = `CREATE TABLE IF NOT EXISTS dead_letters (
  ${DEVICE_COLUMNS},
  function LowCardinality(String),
  version UInt32,
  error String,
  error_class LowCardinality(String),
  stack String,
  ${time("received")},
  source_topic LowCardinality(String),
  source_partition UInt16,
  source_offset UInt64,
  timer_name String,
  timer_at Nullable(DateTime64(3, 'UTC')),
  payload String,
  ${SOURCE_COLUMNS}
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (tenant, device, received)
${timeToLive(RETENTION_DAYS.dead_letters)}`;

const DEVICE_EVENTS = `CREATE TABLE IF NOT EXISTS device_events (
  ${DEVICE_COLUMNS},
  kind LowCardinality(String),
  ${time("ts")},
  ${time("received")},
  detail String,
  ${SOURCE_COLUMNS}
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (tenant, device, received)
${timeToLive(RETENTION_DAYS.device_events)}`;

function timeToLive(days: number | null): string {
  if (days === null) return `SETTINGS ${DEDUPLICATED}`;
  return `TTL toDateTime(received) + INTERVAL ${days} DAY SETTINGS ${DEDUPLICATED}, ttl_only_drop_parts = 1`;
}

export const initialTables: Migration = {
  id: 1,
  name: "initial-tables",
  statements: [READINGS, LATEST_READINGS, AGGREGATES, ALARM_EVENTS, QUARANTINE, DEAD_LETTERS, DEVICE_EVENTS],
};
