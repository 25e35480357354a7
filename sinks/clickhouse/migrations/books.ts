const DURABLE = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

/** What the tables are known by: who they are, whose they are, which migrations they have. Made before all others. */
export const BOOKS = [
  `CREATE TABLE IF NOT EXISTS schema_migrations (id UInt32, name String, applied DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id ${DURABLE}`,
  `CREATE TABLE IF NOT EXISTS database_identity (id UUID, created DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY created ${DURABLE}`,
  `CREATE TABLE IF NOT EXISTS database_owner (installation String, created DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY created ${DURABLE}`,
] as const;
