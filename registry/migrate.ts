import type { Kysely, Transaction } from "kysely";
import type { Clock } from "../core/clock.ts";
import { MillraceError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { RegistryEngine } from "./engine.ts";
import { firstTables } from "./migrations/0001-first-tables.ts";
import { revocations } from "./migrations/0002-revocations.ts";
import { gateways } from "./migrations/0003-gateways.ts";
import { functions } from "./migrations/0004-functions.ts";
import { referenceTables } from "./migrations/0005-reference-tables.ts";
import { functionStages } from "./migrations/0006-function-stages.ts";
import { rollouts } from "./migrations/0007-rollouts.ts";
import { stageAllowances } from "./migrations/0008-stage-allowances.ts";
import { keptState } from "./migrations/0009-kept-state.ts";
import type { Migration } from "./migrations/migration.ts";
import type { Queries, Tables } from "./schema.ts";
import { inTransaction } from "./transaction.ts";

/** In order, numbered from 1 without a gap. */
export const MIGRATIONS: readonly Migration[] = [
  firstTables,
  revocations,
  gateways,
  functions,
  referenceTables,
  functionStages,
  rollouts,
  stageAllowances,
  keptState,
];

interface MigrationTables extends Tables {
  readonly schema_migrations: { number: number; name: string; applied_at: number };
  /** Made with the first step that says who may run beside it: the migrations of which it says so. */
  readonly schema_readers: { number: number; oldest_beside: number };
}

export interface MigrateOptions {
  readonly engine: RegistryEngine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly migrations?: readonly Migration[];
}

type Book = Pick<MigrationTables, "schema_migrations" | "schema_readers">;

/**
 * Brings the tables to the newest layout, one transaction per step, so that an interrupted upgrade goes on where it stopped.
 * A layout of a newer release is left as it is, and run on when each of its steps says that this release may.
 * DATA_FORMAT_UNSUPPORTED when one does not: this release would not know what its rows mean.
 */
export async function migrate({ engine, clock, logger, migrations = MIGRATIONS }: MigrateOptions): Promise<void> {
  const newestKnown = migrations.at(-1)?.number ?? 0;
  const present = await newestApplied(engine, engine.db);
  if (present > newestKnown) {
    await refuseUnlessBeside(engine, engine.db, present, newestKnown);
    const text =
      "the registry has the layout of a newer release, which this one may run beside: for an upgrade or the way back";
    logger.warn({ present, known: newestKnown }, text);
    return;
  }
  for (const migration of migrations.filter(({ number }) => number > present)) {
    await inTransaction(engine.db, async (trx) => {
      await engine.lockMigrations(trx);
      if (!(await engine.hasTable(trx, "schema_migrations"))) await createBook(trx, engine);
      // Another process that started at the same moment may have done this step while we waited for the lock.
      const now = await newestApplied(engine, trx);
      if (now > newestKnown) await refuseUnlessBeside(engine, trx, now, newestKnown);
      if (now >= migration.number) return;
      await migration.up(trx, engine.types);
      await trx
        .withTables<Book>()
        .insertInto("schema_migrations")
        .values({ number: migration.number, name: migration.name, applied_at: clock.now() })
        .execute();
      if (migration.oldestBeside !== undefined)
        await noteReaders(trx, engine, migration.number, migration.oldestBeside);
      logger.info({ migration: migration.number, name: migration.name }, "registry migrated");
    });
  }
}

async function createBook(trx: Transaction<Tables>, { types }: RegistryEngine): Promise<void> {
  await trx.schema
    .createTable("schema_migrations")
    .addColumn("number", "bigint", (c) => c.primaryKey())
    .addColumn("name", types.text, (c) => c.notNull())
    .addColumn("applied_at", "bigint", (c) => c.notNull())
    .execute();
}

async function newestApplied(engine: RegistryEngine, db: Queries): Promise<number> {
  // Asked first and not made first: a role that may only use the tables starts on a registry that is up to date.
  if (!(await engine.hasTable(db, "schema_migrations"))) return 0;
  const book: Kysely<Tables & Book> = db.withTables<Book>();
  const row = await book
    .selectFrom("schema_migrations")
    .select((eb) => eb.fn.max("number").as("newest"))
    .executeTakeFirst();
  return row?.newest ?? 0;
}

async function noteReaders(
  trx: Transaction<Tables>,
  engine: RegistryEngine,
  number: number,
  oldest_beside: number,
): Promise<void> {
  if (!(await engine.hasTable(trx, "schema_readers"))) {
    await trx.schema
      .createTable("schema_readers")
      .addColumn("number", "bigint", (c) => c.primaryKey())
      .addColumn("oldest_beside", "bigint", (c) => c.notNull())
      .execute();
  }
  await trx.withTables<Book>().insertInto("schema_readers").values({ number, oldest_beside }).execute();
}

/** Each step that this release does not know has to say that a release of this age may run beside it. */
async function refuseUnlessBeside(engine: RegistryEngine, db: Queries, present: number, known: number): Promise<void> {
  const unknown = Array.from({ length: present - known }, (_, index) => known + 1 + index);
  const beside = (await engine.hasTable(db, "schema_readers"))
    ? await db
        .withTables<Book>()
        .selectFrom("schema_readers")
        .select("number")
        .where("number", ">", known)
        .where("oldest_beside", "<=", known)
        .execute()
    : [];
  const allowed = new Set(beside.map(({ number }) => Number(number)));
  if (unknown.every((number) => allowed.has(number))) return;
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    `the registry has format ${present}, and this release knows formats up to ${known}`,
    {
      remedy: "Start the release that last used this registry, or a newer one; or restore a backup made before.",
    },
  );
}
