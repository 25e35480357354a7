import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from "kysely";
import { isBusy, sqliteError } from "./sqlite-error.ts";

const BUSY_RETRY_MS = 20;
const BUSY_ATTEMPTS = 250;

/**
 * Kysely on `node:sqlite`. Kysely's own SqliteDialect wants better-sqlite3 and opens transactions with a plain BEGIN: a deferred
 * transaction that reads before it writes fails at once with SQLITE_BUSY_SNAPSHOT when another connection wrote in between,
 * whatever the busy timeout. This one takes the write lock first, waiting for it without blocking the event loop.
 */
export function nodeSqliteDialect(database: DatabaseSync, path: string): Dialect {
  return {
    createDriver: () => nodeSqliteDriver(database, path),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
  };
}

/** One connection; Kysely's mutex hands it out, because the adapter says that there is only one. */
function nodeSqliteDriver(database: DatabaseSync, path: string): Driver {
  const exec = (sql: string) => wrapped(path, () => database.exec(sql));
  const connection = nodeSqliteConnection(database, path);
  return {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    async beginTransaction(_connection: DatabaseConnection, settings: TransactionSettings) {
      if (settings.accessMode === "read only") exec("begin");
      else await retryWhileBusy(path, () => database.exec("begin immediate"));
    },
    async commitTransaction() {
      exec("commit");
      // All of it runs without the event loop having a turn, and so would the next one that waits for the connection.
      await nextTurn();
    },
    // SQLite has already rolled back after some errors (disk full, I/O): another ROLLBACK would hide them.
    rollbackTransaction: () => Promise.resolve().then(() => void (database.isTransaction && exec("rollback"))),
    releaseConnection: () => Promise.resolve(),
    destroy: () => Promise.resolve().then(() => database.close()),
  };
}

function nodeSqliteConnection(database: DatabaseSync, path: string): DatabaseConnection {
  return {
    executeQuery: <Row>(query: CompiledQuery): Promise<QueryResult<Row>> =>
      Promise.resolve().then(() => wrapped(path, () => runQuery<Row>(database, query))),
    streamQuery() {
      throw new TypeError("the registry reads in pages; it does not stream");
    },
  };
}

function runQuery<Row>(database: DatabaseSync, query: CompiledQuery): QueryResult<Row> {
  const statement = database.prepare(query.sql);
  const parameters = query.parameters.map(toSqlInput);
  if (statement.columns().length === 0) {
    return { numAffectedRows: BigInt(statement.run(...parameters).changes), rows: [] };
  }
  // The row type is what Kysely derived from the query and schema.ts; the driver cannot know it.
  return { rows: statement.all(...parameters) as Row[] };
}

function toSqlInput(value: unknown): SQLInputValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "bigint")
    return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`not a value that both SQLite and PostgreSQL take: ${typeof value}`);
}

/** Runs `work` again while another connection holds the lock, up to five seconds. */
export async function retryWhileBusy<T>(path: string, work: () => T): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || attempt >= BUSY_ATTEMPTS) throw sqliteError(error, path);
      await sleep(BUSY_RETRY_MS);
    }
  }
}

function wrapped<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteError(error, path);
  }
}
