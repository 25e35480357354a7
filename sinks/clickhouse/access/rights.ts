/**
 * What the user of MILLRACE_CLICKHOUSE_URL needs on its database: tables are made and altered by migrations, the rows of a removed device
 * are deleted, retention is a TTL.
 */
export const WRITER_RIGHTS = ["SELECT", "INSERT", "CREATE TABLE", "ALTER DELETE", "ALTER TTL"] as const;
