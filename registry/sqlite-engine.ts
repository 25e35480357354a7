import type { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import type { RegistryEngine } from "./engine.ts";
import { nodeSqliteDialect } from "./node-sqlite-dialect.ts";
import type { Tables } from "./schema.ts";

/** SQLite belongs to one process, whose own changes wake its own hearers: there is nobody to announce anything to. */
export function sqliteEngine(database: DatabaseSync, path: string): RegistryEngine {
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database, path) });
  return {
    db,
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
    close: () =>
      db.connection().execute(async () => {
        if (database.isOpen) database.close();
      }),
  };
}
