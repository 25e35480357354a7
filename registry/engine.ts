import type { Kysely, Transaction } from "kysely";
import type { ColumnTypes } from "./migrations/migration.ts";
import type { Queries, Tables } from "./schema.ts";

/** A database under the registry's queries: what SQLite and PostgreSQL do differently, and nothing else. */
export interface RegistryEngine {
  readonly db: Kysely<Tables>;
  /** For what only reads: sees each change as soon as it is committed, and waits for none. */
  readonly reads: Kysely<Tables>;
  readonly types: ColumnTypes;
  /** First in the transaction of a migration step: nobody else migrates until that transaction ends. */
  lockMigrations(trx: Transaction<Tables>): Promise<void>;
  hasTable(db: Queries, name: string): Promise<boolean>;
  /** Inside a transaction: once it is committed, other processes look for what is new. */
  announce(trx: Transaction<Tables>): Promise<void>;
  /** Calls `heard` when another process may have announced something; may miss one, so that hearers also ask by themselves. */
  listen(heard: () => void): void;
  /** Lets the database go, behind what is under way. May be called again. */
  close(): Promise<void>;
}
