import { LIMITS } from "../../../core/limits.ts";
import { MERGE_SETTINGS_RIGHT, withMergeSettings } from "../merge-settings.ts";
import { BOOKS } from "../migrations/books.ts";
import { MIGRATIONS } from "../migrations/migrations.ts";
import { replicated } from "./replicated.ts";
import { WRITER_RIGHTS } from "./rights.ts";

/** Statements under a heading. */
export interface SqlSection {
  readonly heading: string;
  readonly statements: readonly string[];
}

export interface AccessOptions {
  /** A name of letters, digits and `_`; users and profiles are named after it. */
  readonly database: string;
  /** With a cluster everything is made on all its nodes, and the tables with replicated engines. */
  readonly cluster?: string;
}

const PASSWORD = "change-me";
/** What people may ask. Raw payloads (quarantine, dead_letters) and our books are none of it. */
const READABLE_TABLES = [
  "readings",
  "latest_readings",
  "aggregates",
  "rollup_minutes",
  "rollup_hours",
  "rollup_days",
  "dirty_buckets",
  "alarm_events",
  "device_events",
];

/** Database, users and rights, for an administrator to run; with a cluster the tables too. Passwords are placeholders. */
export function accessSql({ database, cluster }: AccessOptions): readonly SqlSection[] {
  const on = cluster === undefined ? "" : ` ON CLUSTER '${cluster}'`;
  const sections = [
    { heading: "The database", statements: [`CREATE DATABASE IF NOT EXISTS ${database}${on}`] },
    { heading: "The user of MILLRACE_CLICKHOUSE_URL", statements: writer(database, on) },
    {
      heading: "A user for dashboards and people: reads a few tables, within limits",
      statements: reader(database, on),
    },
  ];
  if (cluster === undefined) return sections;
  return [...sections, { heading: "The tables, before the first start", statements: tablesSql(database, cluster) }];
}

/** All tables with replicated engines: books first, then in the order of the migrations. */
export function tablesSql(database: string, cluster: string): readonly string[] {
  const statements = [...BOOKS, ...MIGRATIONS.flatMap((migration) => migration.statements)];
  return statements
    .filter((statement) => statement.startsWith("CREATE TABLE"))
    .map((statement) => replicated(withMergeSettings(statement), database, cluster));
}

function writer(database: string, on: string): readonly string[] {
  const [user, profile] = [`${database}_writer`, `${database}_writer_profile`];
  // Who asks after an insert must see it on whatever replica answers.
  const settings =
    on === ""
      ? "max_memory_usage = 4000000000"
      : "insert_quorum = 'auto', insert_quorum_parallel = 0, select_sequential_consistency = 1, alter_sync = 2, mutations_sync = 2";
  return [
    `CREATE SETTINGS PROFILE IF NOT EXISTS ${profile}${on} SETTINGS ${settings}`,
    `CREATE USER IF NOT EXISTS ${user}${on} IDENTIFIED WITH sha256_password BY '${PASSWORD}' DEFAULT DATABASE ${database} SETTINGS PROFILE '${profile}'`,
    `GRANT${on} ${[...WRITER_RIGHTS, MERGE_SETTINGS_RIGHT].join(", ")} ON ${database}.* TO ${user}`,
  ];
}

/** MIN keeps anybody from setting 0, which means no limit. readonly = 2: clients may set what has no limit here, such as compression. */
function reader(database: string, on: string): readonly string[] {
  const [user, profile] = [`${database}_reader`, `${database}_reader_profile`];
  const upTo = (setting: string, max: number): string => `${setting} = ${max} MIN 1 MAX ${max}`;
  const settings = [
    "readonly = 2 CONST",
    "allow_ddl = 0 CONST",
    "allow_introspection_functions = 0 CONST",
    upTo("max_execution_time", LIMITS.querySecondsMax),
    "timeout_overflow_mode = 'throw' CONST",
    upTo("max_result_rows", LIMITS.readerResultRowsMax),
    "result_overflow_mode = 'throw' CONST",
    upTo("max_rows_to_read", LIMITS.readerRowsToReadMax),
    "read_overflow_mode = 'throw' CONST",
    upTo("max_memory_usage", LIMITS.queryMemoryBytesMax),
    upTo("max_threads", LIMITS.queryThreadsMax),
    upTo("max_concurrent_queries_for_user", LIMITS.readerQueriesMax),
  ];
  return [
    `CREATE SETTINGS PROFILE IF NOT EXISTS ${profile}${on} SETTINGS ${settings.join(", ")}`,
    `CREATE USER IF NOT EXISTS ${user}${on} IDENTIFIED WITH sha256_password BY '${PASSWORD}' DEFAULT DATABASE ${database} SETTINGS PROFILE '${profile}'`,
    ...READABLE_TABLES.map((table) => `GRANT${on} SELECT ON ${database}.${table} TO ${user}`),
    // A new user has none of these; one that was there may. Without them no table function and no other source is open.
    `REVOKE${on} SOURCES, CREATE TEMPORARY TABLE, CREATE FUNCTION ON *.* FROM ${user}`,
  ];
}
