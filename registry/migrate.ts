import type { Kysely } from "kysely";
import type { Clock } from "../core/clock.ts";
import { MillraceError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { firstTables } from "./migrations/0001-first-tables.ts";
import type { ColumnTypes, Migration } from "./migrations/migration.ts";
import type { Tables } from "./schema.ts";

/** In order, numbered from 1 without a gap. */
export const MIGRATIONS: readonly Migration[] = [firstTables];

interface MigrationTables extends Tables {
  readonly schema_migrations: { number: number; name: string; applied_at: number };
}

export interface MigrateOptions {
  readonly db: Kysely<Tables>;
  readonly types: ColumnTypes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly migrations?: readonly Migration[];
}

/**
 * Brings the tables to the newest layout, one transaction per step, so that an interrupted upgrade goes on where it stopped.
 * DATA_FORMAT_UNSUPPORTED when a newer release wrote the registry: this one would not know what its rows mean.
 */
export async function migrate({ db, types, clock, logger, migrations = MIGRATIONS }: MigrateOptions): Promise<void> {
  const book = db.withTables<Pick<MigrationTables, "schema_migrations">>();
  await db.schema
    .createTable("schema_migrations")
    .ifNotExists()
    .addColumn("number", "bigint", (c) => c.primaryKey())
    .addColumn("name", types.text, (c) => c.notNull())
    .addColumn("applied_at", "bigint", (c) => c.notNull())
    .execute();
  const newestKnown = migrations.at(-1)?.number ?? 0;
  const present = await newestApplied(book);
  refuseNewer(present, newestKnown);
  for (const migration of migrations.filter(({ number }) => number > present)) {
    await db.transaction().execute(async (trx) => {
      const bookInside = trx.withTables<Pick<MigrationTables, "schema_migrations">>();
      // Another process that started at the same moment may have done this step while we waited for the write lock.
      const now = await newestApplied(bookInside);
      refuseNewer(now, newestKnown);
      if (now >= migration.number) return;
      await migration.up(trx, types);
      await bookInside
        .insertInto("schema_migrations")
        .values({ number: migration.number, name: migration.name, applied_at: clock.now() })
        .execute();
      logger.info({ migration: migration.number, name: migration.name }, "registry migrated");
    });
  }
}

async function newestApplied(book: Kysely<MigrationTables>): Promise<number> {
  const row = await book
    .selectFrom("schema_migrations")
    .select((eb) => eb.fn.max("number").as("newest"))
    .executeTakeFirst();
  return row?.newest ?? 0;
}

function refuseNewer(present: number, known: number): void {
  if (present <= known) return;
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    `the registry has format ${present}, and this release knows formats up to ${known}`,
    {
      remedy: "Start the release that last used this data directory, or a newer one; or restore a backup made before.",
    },
  );
}
