import type { Pool, PoolClient } from "pg";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from "kysely";
import { MillraceError } from "../../core/errors.ts";
import { isConnectionLost, postgresError } from "./postgres-error.ts";

/**
 * Kysely on a pool of `pg`. Unlike Kysely's own PostgresDialect it turns every error into one of ours, begins transactions with the
 * isolation that the registry is written for, and does not take the rollback of a failed transaction for a commit.
 */
export function postgresDialect(pool: Pool, target: string): Dialect {
  return {
    createDriver: () => postgresDriver(pool, target),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
}

interface PostgresConnection extends DatabaseConnection {
  run(text: string, values?: readonly unknown[]): ReturnType<typeof runQuery>;
  release(): void;
  isLost(): boolean;
}

function postgresDriver(pool: Pool, target: string): Driver {
  return {
    init: () => Promise.resolve(),
    async acquireConnection() {
      if (pool.ending) throw new MillraceError("REGISTRY_IO", "the registry is closed");
      try {
        return postgresConnection(await pool.connect(), target);
      } catch (error) {
        throw postgresError(error, target);
      }
    },
    async beginTransaction(connection: PostgresConnection, settings: TransactionSettings) {
      const access = settings.accessMode === "read only" ? "read only" : "read write";
      // Every change begins with the lock of one row. Under this level what it reads afterwards is what the one before committed;
      // under a stricter one the wait for that lock would end in a serialization failure.
      await connection.run(`begin isolation level read committed ${access}`);
    },
    async commitTransaction(connection: PostgresConnection) {
      const { command } = await connection.run("commit");
      // PostgreSQL answers a COMMIT after a failed statement with a rollback, and no error.
      if (command !== "COMMIT") throw new MillraceError("REGISTRY_IO", `registry ${target}: rolled back at its end`);
    },
    async rollbackTransaction(connection: PostgresConnection) {
      // A server that lost the connection has rolled back; another error here would hide the first one.
      if (!connection.isLost()) await connection.run("rollback");
    },
    async releaseConnection(connection: PostgresConnection) {
      connection.release();
    },
    destroy: () => pool.end(),
  };
}

function postgresConnection(client: PoolClient, target: string): PostgresConnection {
  let lost = false;
  const run = async (text: string, values: readonly unknown[] = []) => {
    try {
      return await runQuery(client, text, values);
    } catch (error) {
      lost ||= isConnectionLost(error);
      throw postgresError(error, target);
    }
  };
  return {
    run,
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, rowCount } = await run(sql, parameters);
      // The row type is what Kysely derived from the query and schema.ts; the driver cannot know it.
      return { rows: rows as Row[], ...(rowCount === null ? {} : { numAffectedRows: BigInt(rowCount) }) };
    },
    streamQuery() {
      throw new TypeError("the registry reads in pages; it does not stream");
    },
    isLost: () => lost,
    // One that did not answer in time may still do so: it never goes back to the pool.
    release: () => client.release(lost),
  };
}

async function runQuery(client: PoolClient, text: string, values: readonly unknown[]) {
  return client.query<Record<string, unknown>>({ text, values: [...values] });
}
