import { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import type { RegistryEngine } from "./engine.ts";
import { nodeSqliteDialect } from "./node-sqlite-dialect.ts";
import { BUSY_TIMEOUT_MS } from "./open-sqlite.ts";
import type { Tables } from "./schema.ts";

/** SQLite belongs to one process, whose own changes wake its own hearers: there is nobody to announce anything to. */
export function sqliteEngine(database: DatabaseSync, path: string): RegistryEngine {
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database, path) });
  // Of its own, so that whoever only reads, a device that connects before all, does not wait in line behind the changes.
  const readDatabase = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const reads = new Kysely<Tables>({ dialect: nodeSqliteDialect(readDatabase, path) });
  return {
    db,
    reads,
    types: { text: "text" },
    // The transaction has the only write lock already.
    lockMigrations: () => Promise.resolve(),
    async hasTable(queries, name) {
      const query = sql`select 1 from sqlite_schema where type = 'table' and name = ${name}`;
      return (await query.execute(queries)).rows.length > 0;
    },
    announce: () => Promise.resolve(),
    listen: () => undefined,
    // In line behind what is under way. Not db.destroy(): calls that come later shall fail with our own error.
    async close() {
      for (const [line, open] of [
        [reads, readDatabase],
        [db, database],
      ] as const) {
        await line.connection().execute(async () => {
          if (open.isOpen) open.close();
        });
      }
    },
  };
}
